"""The OpenAPI 3.1 document at /openapi.json, as constant bytes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from runtimeenv import __version__
from runtimeenv.api.failures import CODES, Detail, Failure, error_body
from runtimeenv.api.operations import paths
from runtimeenv.api.schemas import components

_DESCRIPTION: Final = """\
Encrypted environment variables that MIOSA sandboxes, computers and agents inherit, of a tenant, a workspace or a \
project. A value goes in and is never shown again: answers hold a preview.

A write answers once the variable is ready, or after 2 seconds with `Runtime-Env-Ready: false`. Its \
`Runtime-Env-Revision`, sent with the next GET, makes any replica wait until it shows that write."""

_RETRIED: Final = (429, 503)
_MEANINGS: Final = {
    400: "Not HTTP, or not one JSON object that every reader understands alike.",
    401: "No good API key: unknown, expired, revoked or out of form alike.",
    403: "The API key may not do this.",
    404: "No such variable that this API key reaches.",
    408: "The request did not arrive in time.",
    409: "Another object defines this variable, or the tenant has no one home namespace.",
    412: "The variable is no longer in the state that If-Match names.",
    413: "The body is too large.",
    414: "The path and query are too long.",
    415: "The body is not application/json in UTF-8.",
    422: "A field, parameter or header is invalid.",
    429: "Too many requests from this API key or address.",
    431: "The header is too large.",
    500: "A fault of the server.",
    503: "The cluster can't do this now.",
}
_HEADERS: Final = {
    "X-Request-Id": ("The client's own, if it is 1 to 64 letters, digits, `.`, `_` or `-`; else a new one.", "string"),
    "ETag": ("The state of the variable, for If-Match and If-None-Match.", "string"),
    "Runtime-Env-Ready": ("true: every environment that there is holds it.", "boolean"),
    "Runtime-Env-Revision": ("Send it with a GET that must show this write.", "string"),
    "Runtime-Env-Age": ("Only when the cluster is away: the whole seconds since it was last heard.", "integer"),
    "Retry-After": ("Whole seconds to wait; the same as error.retry_after.", "integer"),
    "WWW-Authenticate": ("Bearer.", "string"),
}
_ALWAYS: Final = (
    "X-Request-Id",
    "ETag",
    "Runtime-Env-Ready",
    "Runtime-Env-Revision",
    "Retry-After",
    "WWW-Authenticate",
)


def document(allowed_names: frozenset[str]) -> dict[str, Any]:
    """The document; ``allowed_names`` are the reserved NAMEs that are permitted here."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Runtime Env API",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearerAuth": []}],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "bearerAuth": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "msk_live_...",
                    "description": "An API key of the tenant: `runtimeenv apikey create`.",
                }
            },
            "schemas": components(allowed_names),
            "headers": {name: _header(name) for name in _HEADERS},
            "responses": {str(status): _error(status) for status in _MEANINGS},
        },
    }


def encoded(allowed_names: frozenset[str]) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document(allowed_names))


def _header(name: str) -> dict[str, Any]:
    description, kind = _HEADERS[name]
    return {"description": description, "required": name in _ALWAYS, "schema": {"type": kind}}


def _error(status: int) -> dict[str, Any]:
    headers = ["X-Request-Id"]
    if status in _RETRIED:
        headers.append("Retry-After")
    if status == 401:
        headers.append("WWW-Authenticate")
    return {
        "description": _MEANINGS[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ErrorBody"},
                "examples": {"error": {"value": _example(status)}},
            }
        },
    }


def _example(status: int) -> Any:
    details = (Detail("name", "must be upper-case letters, digits and '_'"),) if status == 422 else ()
    waits = 1 if status in _RETRIED else msgspec.UNSET
    failure = Failure(CODES[status], _MEANINGS[status], details, waits)
    return msgspec.json.decode(error_body(failure, "req_0f4b8c2e9a7d4e1fb3c65d20"))
