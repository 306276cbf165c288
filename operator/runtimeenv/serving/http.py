"""What passes between a server and those who answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

JSON: Final = "application/json"

_HEADS: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: " for status in HTTPStatus}


class Answer(NamedTuple):
    """A status, a body and its media type."""

    status: int
    body: bytes
    media_type: str = JSON

    def encoded(self, *, last: bool) -> bytes:
        """The response as HTTP/1.1 sends it; ``last``: the connection ends with it."""
        end = "\r\nConnection: close\r\n\r\n" if last else "\r\n\r\n"
        head = f"{_HEADS[self.status]}{self.media_type}\r\nContent-Length: {len(self.body)}{end}"
        return head.encode() + self.body


Handler = Callable[[bytes], Answer | Awaitable[Answer]]
"""Answers the body of one request, at once if it can: a task costs as much as all the rest.

What it raises is a fault: 500, and the exception's text stays out of the log.
"""

Routes = Mapping[tuple[str, str], Handler]
"""Handlers by method and path. A query doesn't count: the API server appends ``?timeout=3s``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    head: int = 16 * 1024
    body: int = 8 * 1024 * 1024
    """An API server sends etcd at most 2 MiB for an object. The review of an UPDATE holds two: of variables so large,
    while a pod is stored in a shorter form than JSON, and the review of a new one holds it once."""
    buffered: int = 24 * 1024 * 1024
    """Bodies that are being received, or wait for their answer, all connections together: any pod could send them."""
    kernel: int = 32 * 1024
    """Received bytes that the kernel holds for a connection. TLS reads all at once, into buffers that stay as large."""
    connections: int = 512
    """Each takes up to 120 KiB, apart from its body. Three API servers that make 200 pods at once need no more."""
    receive: float = 5
    """From the first byte of a request to its last."""
    idle: float = 120
    """Above the 90 s after which the API server closes an idle connection itself: so no request meets a closing one."""
    handshake: float = 5
    sweep: float = 1
    """Between looks at the deadlines: one timer for all connections is cheaper than one for each request."""
