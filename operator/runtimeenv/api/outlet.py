"""A transport as uvicorn sees it: closing is left to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LITTLE: Final = 64 * 1024
"""Bytes: a client that takes no more in the time it has is not waited for."""


class Outlet:
    """The methods that uvicorn calls, bound once: two of them run at each answer."""

    __slots__ = ("_discarded", "_transport", "close", "get_extra_info", "lingering", "secure", "unsent", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self._discarded = 0
        self.write = transport.write
        self.get_extra_info = transport.get_extra_info
        self.close = close
        self.secure = bool(transport.get_extra_info("sslcontext"))
        self.unsent: int | None = None
        """What `stalled` found, if it has looked at this answer before."""
        self.lingering = False
        """Nothing more is written, and what comes is thrown away."""

    def is_closing(self) -> bool:
        """Is nothing more to be written?"""
        return self.lingering or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Let the client wait."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Let the client send."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def linger(self) -> None:
        """Say that nothing more comes, unless it is TLS, which can't, and listen until the client is done too.

        Were the socket closed with bytes unread, TCP would answer by a reset, which may overtake the last answer.
        """
        self.lingering = True
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def discarded(self, size: int, limit: int) -> bool:
        """Throw away what came, and close at the limit; False if this is no time for it."""
        self._discarded += size if self.lingering else 0
        if self._discarded > limit:
            self._transport.close()
        return self.lingering

    def stalled(self) -> bool:
        """Is all sent, or has the client taken next to nothing since the last look?"""
        before, self.unsent = self.unsent, self._transport.get_write_buffer_size()
        return not self.unsent or (before is not None and self.unsent > before - LITTLE)

    def close_whole(self) -> None:
        """Close, once what is written is sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()
