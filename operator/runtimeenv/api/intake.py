"""What has come of a request, and how much of it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from runtimeenv.api.refusals import HEADERS_TOO_LARGE, URI_TOO_LONG, Refusal

SEPARATORS: Final = len(b": \r\n")


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    url: int = 8 * 1024
    header: int = 16 * 1024
    fields: int = 100
    pipelined: int = 16
    """Requests that wait for the answer to an earlier one of their connection."""
    connections: int = 900
    """Below the 1,024 files that a process may have open where nobody raised it."""
    receive_header: float = 10
    receive_body: float = 30
    send: float = 30
    """In which a client must take something of its answer."""
    idle: float = 620
    """Above what proxies keep idle connections for (nginx and AWS 60, Traefik 90, Google 600): they close first."""
    handshake: float = 5
    linger: float = 2
    """For a client that still sends after the last answer."""
    discard: int = 4 * 1024 * 1024
    """What it may send then."""
    sweep: float = 1
    """Between looks at the deadlines, and at the clock for the header Date."""


class Enough(Exception):
    """Ends the parser's work from within a callback; the refusal, if there is one, is the answer."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.refusal = refusal


class Intake:
    """Of one connection's current request."""

    __slots__ = ("_fields", "_limits", "_pieces", "headed", "receiving")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.receiving = False
        """A request has begun and is not whole."""
        self.headed = False
        """Its header is."""
        self._fields = 0
        self._pieces = 0

    @property
    def promised(self) -> bool:
        """Is there a header whose body is still to come?"""
        return self.receiving and self.headed

    @property
    def excessive(self) -> bool:
        """Has more come than a header may have, and no end of it?"""
        return self.receiving and not self.headed and self._pieces > self._limits.header

    def begin(self) -> None:
        """A request begins."""
        self.receiving, self.headed = True, False
        self._fields = self._pieces = 0

    def take_piece(self, size: int) -> None:
        """Bytes come in. A header's first ones don't count: they may come with those of the request before."""
        if self.receiving and not self.headed:
            self._pieces += size

    def take_url(self, size: int) -> None:
        """So long is the URL up to now. Raises Enough."""
        if size > self._limits.url:
            raise Enough(URI_TOO_LONG)

    def take_field(self, name: bytes, value: bytes, count: int) -> None:
        """A field of the header, or of the trailer, besides ``count`` others. Raises Enough."""
        self._fields += len(name) + len(value) + SEPARATORS
        if self._fields > self._limits.header or count >= self._limits.fields:
            raise Enough(HEADERS_TOO_LARGE)
