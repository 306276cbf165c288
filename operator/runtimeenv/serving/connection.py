"""One client's connection: requests in, answers out, one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, cast

import httptools

from runtimeenv.serving.http import Answer, Handler

if TYPE_CHECKING:
    from runtimeenv.serving.server import Server

NEVER: Final = float("inf")

MALFORMED: Final = Answer(400, b"malformed request\n", "text/plain")
NOT_FOUND: Final = Answer(404, b"no such path\n", "text/plain")
TOO_LARGE: Final = Answer(413, b"request too large\n", "text/plain")
BUSY: Final = Answer(503, b"too much is being received\n", "text/plain")
FAULT: Final = Answer(500, b"internal error\n", "text/plain")
GOING: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
"""To a request that may be on its way already: an API server sends it again, elsewhere."""
FRESH: Final = 1.0
"""Seconds in which the first request comes on a new connection."""
FAREWELL: Final = 1.0
"""Seconds in which a caller hangs up that was told so."""

log: Final = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """Parses bytes as they come. `deadline` is the loop's time at which the server gives it up."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None
        self._body = bytearray()
        self._received = 0
        self._headed = False
        self._last = False
        self._dismissed = False
        self._used = False
        self._fresh_until = NEVER
        self._path = ""
        self.deadline = NEVER

    @property
    def idle(self) -> bool:
        """Is no request under way?"""
        return self._answering is None and not self._received and not self._last

    @property
    def held(self) -> int:
        """Bytes of a body that isn't whole."""
        return len(self._body)

    def send_away(self) -> None:
        """Take no more of its request."""
        self._refuse(BUSY)

    def close(self) -> None:
        """Hang up, once what is written is sent; at the second call, at once."""
        if self._transport is None:
            return
        if self._transport.is_closing():
            self._transport.abort()
        self._transport.close()

    def dismiss(self) -> None:
        """Have an idle caller hang up: did we, a request on its way would be lost. Nobody repeats a POST unasked."""
        if self._transport is None or self._transport.is_closing() or not self.idle:
            return
        now = self._server.loop.time()
        if not self._used and (left := self._fresh_until - now) > 0:
            # Who has just called has something to say, and takes no such answer on a first request.
            self._server.loop.call_later(left, self.dismiss)
            return
        self._last = self._dismissed = True
        self._transport.write(GOING)
        self.deadline = now + FAREWELL

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._fresh_until = self._server.loop.time() + FRESH
        self._server.join(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._server.leave(self)
        self._drop_body()

    def data_received(self, data: bytes) -> None:
        if self._dismissed:
            return  # answered already
        if not self._received:
            self.deadline = self._server.receive_until()
        self._received += len(data)
        if self._answering is not None or self._last:
            self._ignore_the_rest()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(MALFORMED)
        else:
            if not self._headed and self._received > self._server.limits.head:
                self._refuse(TOO_LARGE)

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._path += url.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_body(self, part: bytes) -> None:
        self._body += part
        self._server.buffered += len(part)
        if len(self._body) > self._server.limits.body:
            self._refuse(TOO_LARGE)
        elif self._server.buffered > self._server.limits.buffered:
            self._server.relieve()

    def on_message_complete(self) -> None:
        if self._answering is not None or self._last:
            self._ignore_the_rest()
            return
        method = self._parser.get_method().decode("latin-1")
        handler = self._server.routes.get((method, self._path.partition("?")[0]))
        body = bytes(self._body)
        self._drop_body()
        self._path, self._received, self._headed = "", 0, False
        self._last |= not self._parser.should_keep_alive()
        self.deadline = NEVER
        self._respond(handler, body)

    def _respond(self, handler: Handler | None, body: bytes) -> None:
        try:
            answer = handler(body) if handler else NOT_FOUND
        except Exception as error:
            answer = _fault(error)
        if isinstance(answer, Answer):
            self._write(answer)
        else:
            self._answering = self._server.loop.create_task(self._respond_later(answer, len(body)))

    async def _respond_later(self, pending: Awaitable[Answer], size: int) -> None:
        self._server.buffered += size
        try:
            answer = await pending
        except Exception as error:
            answer = _fault(error)
        finally:
            self._server.buffered -= size
        self._answering = None
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._used = True
        self._last |= self._server.draining
        self._transport.write(answer.encoded(last=self._last))
        self.deadline = self._server.idle_until()
        if self._last:
            self._transport.close()

    def _refuse(self, answer: Answer) -> None:
        self._last = True
        self._drop_body()
        if self._answering is None:
            self._write(answer)

    def _drop_body(self) -> None:
        self._server.buffered -= len(self._body)
        self._body.clear()

    def _ignore_the_rest(self) -> None:
        """Nobody pipelines to us: the request under way is answered, and what followed it never."""
        self._last = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()


def _fault(error: Exception) -> Answer:
    log.error("request failed", exc_info=error)
    return FAULT
