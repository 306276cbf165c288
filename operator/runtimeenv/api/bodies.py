"""What may come in: one JSON object of bounded size. Nothing of it is ever echoed."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.requests import Request

from runtimeenv.api.strict_json import parse_object
from runtimeenv.errors import RuntimeEnvError

BODY_LIMIT: Final = 256 * 1024
"""Bytes: the largest value with every character escaped, and the largest metadata."""

_JSON = re.compile(r'application/json[ \t]*(;[ \t]*charset[ \t]*=[ \t]*("utf-8"|utf-8)[ \t]*)?;?[ \t]*', re.IGNORECASE)


class UnsupportedMediaType(RuntimeEnvError):
    """Not ``application/json`` in UTF-8."""


class TooLarge(RuntimeEnvError):
    """A body over the limit."""

    def __init__(self) -> None:
        super().__init__(f"the body is over {BODY_LIMIT} bytes")


async def read_object(request: Request) -> dict[str, Any]:
    """The body's JSON object. Raises UnsupportedMediaType, TooLarge (without reading on) or strict_json.Malformed."""
    _check_form(request)
    return parse_object(await _read(request))


def _check_form(request: Request) -> None:
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not _JSON.fullmatch(types[0]):
        raise UnsupportedMediaType("send Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("send the body without a Content-Encoding")


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 9 or int(announced) > BODY_LIMIT):
        raise TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise TooLarge
    return bytes(body)
