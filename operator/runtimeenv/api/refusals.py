"""Answers where no route speaks: of the connection, before there is a request, and of the middleware."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType

from runtimeenv.api.failures import CODES, Failure, error_body

Header = tuple[bytes, bytes]

COMMON: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
"""Of every answer."""
POLICY: Final[Header] = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of every answer that brings no other."""


class Refusal(NamedTuple):
    """One way to say no."""

    status: int
    failure: Failure

    def headers(self, body: bytes) -> list[Header]:
        """Those that describe the answer itself; every answer's own ones are not among them."""
        described = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        wait = self.failure.retry_after
        return described if wait is UNSET else [*described, (b"retry-after", b"%d" % wait)]

    def encoded(self, request_id: str) -> bytes:
        """The whole answer as HTTP/1.1 sends it, a connection's last."""
        body = error_body(self.failure, request_id)
        own = [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
        lines = b"".join(b"%s: %s\r\n" % field for field in (*self.headers(body), *COMMON, POLICY, *own))
        return f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode() + lines + b"\r\n" + body


def _refusal(status: int, message: str, retry_after: int | UnsetType = UNSET) -> Refusal:
    return Refusal(status, Failure(CODES[status], message, (), retry_after))


MALFORMED: Final = _refusal(400, "This is not a request as HTTP/1.1 has it.")
TIMED_OUT: Final = _refusal(408, "The request did not arrive in time; send it again.")
URI_TOO_LONG: Final = _refusal(414, "The path and query are too long.")
HEADERS_TOO_LARGE: Final = _refusal(431, "The header is too large, or has too many fields.")
FAULT: Final = _refusal(500, "Something went wrong here; the request id finds it in the log.")
BUSY: Final = _refusal(503, "Too many connections are open; try again.", retry_after=1)
