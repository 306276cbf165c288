"""The head of a request, where the parser or uvicorn wants it in another form."""

from __future__ import annotations

from collections.abc import Iterable

import httptools
from starlette.requests import Request


def values(request: Request, name: bytes) -> list[str]:
    """What the fields of this name say; ``name`` in lower case. The framework's own look-up takes much longer."""
    return [text.decode("latin-1") for field, text in request.scope["headers"] if field == name]


def origin_form(target: bytes) -> bytes:
    """Of ``http://host/path?query``, or of ``*``, which is no path here (RFC 9112 §3.2)."""
    if target.startswith(b"/"):
        return target
    url = httptools.parse_url(target)
    path = url.path or b"/"
    return (path if path.startswith(b"/") else b"/" + path) + (b"?" + url.query if url.query else b"")


def without_upgrade(method: bytes, target: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head again, but for the field Upgrade."""
    fields = b"".join(b"%s: %s\r\n" % field for field in headers if field[0] != b"upgrade")
    return b"%s %s HTTP/%s\r\n%s\r\n" % (method, target, version.encode(), fields)
