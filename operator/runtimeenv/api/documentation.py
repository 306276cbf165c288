"""What people and their tools read: /openapi.json, and /docs, Swagger UI from files of our own without another host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from runtimeenv.api import openapi

Page = Callable[[Request], Awaitable[Response]]

# Swagger UI draws with inline styles and with images inside its own style sheet; no script but the two files runs.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Referrer-Policy": "no-referrer"}

_PAGE: Final = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Runtime Env API</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/init.js"></script>
</body>
</html>
"""
# validatorUrl: else the page would ask a host on the Internet for a badge.
_INIT: Final = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


def pages(allowed_names: frozenset[str]) -> dict[str, Page]:
    """Endpoints by path, each answering constant bytes."""
    static = files("fastapi_offline") / "static"
    return {
        "/openapi.json": _constant(openapi.encoded(allowed_names), "application/json"),
        "/docs": _constant(_PAGE, "text/html"),
        "/docs/init.js": _constant(_INIT, "text/javascript"),
        "/docs/swagger-ui-bundle.js": _constant((static / "swagger-ui-bundle.js").read_bytes(), "text/javascript"),
        "/docs/swagger-ui.css": _constant((static / "swagger-ui.css").read_bytes(), "text/css"),
        "/docs/favicon.png": _constant((static / "favicon.png").read_bytes(), "image/png"),
    }


def _constant(content: bytes, media_type: str) -> Page:
    async def page(_: Request) -> Response:
        return Response(content, 200, _HEADERS, media_type)

    return page
