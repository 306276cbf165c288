"""One client's connection: uvicorn's protocol, with what it lacks.

Of its own, uvicorn waits for a header for ever, takes any number and size of header fields and of pipelined requests,
answers a malformed request ahead of those before it, drops the body of a request that offers an upgrade (Java's client
offers h2c with every one) and then reads it as a request, forgets a half-closed client's answer, and closes in the
middle of an upload, so that the client may see a reset instead of the answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from runtimeenv.api.audit import AUDIT, REFUSAL, Audit, request_id
from runtimeenv.api.heads import origin_form, without_upgrade
from runtimeenv.api.intake import Enough, Intake
from runtimeenv.api.outlet import Outlet
from runtimeenv.api.refusals import BUSY, HEADERS_TOO_LARGE, MALFORMED, TIMED_OUT, Refusal

if TYPE_CHECKING:
    from runtimeenv.api.server import Server

NEVER: Final = float("inf")


class Connection(HttpToolsProtocol):
    """`deadline` is the loop's time at which `expire` is called.

    Requests are answered in their order; what refuses one comes after the answers to those before it.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server.config, server.state, {}, server.loop)
        self._server = server
        self._limits = server.limits
        self._running: RequestResponseCycle | None = None  # whose answer is under way
        self._intake = Intake(server.limits)
        self._keep_alive = True
        self._deaf = False  # what comes is no longer read as requests
        self._ended = False  # the client has sent its last byte
        self._outlet: Outlet
        self._refusal: Refusal | None = None
        self.deadline = NEVER

    @property
    def idle(self) -> bool:
        """Is no request under way?"""
        return self.unheard and not self._intake.receiving

    @property
    def unheard(self) -> bool:
        """Is no answer under way, and the next request's header not whole?"""
        busy = self._running is not None or self._intake.promised
        return not (busy or self._deaf or self._outlet.is_closing())

    # What the server calls.

    def end(self) -> None:
        """Let the request that is under way be the last; hang up at once if there is none."""
        if self.idle:
            self._outlet.close()
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    def expire(self) -> None:
        """The deadline has passed."""
        if not (self.flow.write_paused or self._outlet.is_closing()):
            if self._intake.receiving:
                self._stop(TIMED_OUT)
            else:
                self._outlet.close()
        elif self._outlet.stalled():
            self._outlet.abort()
        else:
            self.deadline = self._server.within(self._limits.send)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._outlet = Outlet(cast(asyncio.Transport, transport), self._hang_up)
        super().connection_made(cast(asyncio.Transport, self._outlet))
        self.deadline = self._server.within(self._limits.idle)
        if not self._server.join(self):
            self._deaf = True
            self._say(BUSY)
            self._outlet.close_whole()

    def connection_lost(self, exc: Exception | None) -> None:
        self._outlet.lingering = True  # it is as closed as can be
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        self._server.leave(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio: true keeps the connection open
        self._ended = self._deaf = True
        if self._intake.promised:
            self._give_up(self.cycle)
        return self._running is not None and not self._outlet.secure

    def pause_writing(self) -> None:
        super().pause_writing()
        self._outlet.unsent = None
        self.deadline = self._server.within(self._limits.send)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._outlet.is_closing():
            limit = self._limits.receive_body if self._intake.receiving else self._limits.idle
            self.deadline = NEVER if self._running is not None else self._server.within(limit)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            if not self._outlet.discarded(len(data), self._limits.discard):
                self.flow.pause_reading()
            return
        self._intake.take_piece(len(data))
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._stop(error.__context__.refusal if isinstance(error.__context__, Enough) else MALFORMED)
        else:
            if self._intake.excessive:
                self._stop(HEADERS_TOO_LARGE)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if (self.cycle is not None and not self.cycle.keep_alive) or len(self.pipeline) >= self._limits.pipelined:
            raise Enough
        super().on_message_begin()
        self._intake.begin()
        self.deadline = self._server.within(self._limits.receive_header)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._intake.take_url(len(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._intake.take_field(name, value, len(self.headers))
        if not self._intake.headed:  # what follows a chunked body is not the request's header
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self.url = origin_form(self.url)
        super().on_headers_complete()
        self._intake.headed = True
        # An answer that comes before the whole request has come is the connection's last, and says so.
        self._keep_alive, self.cycle.keep_alive = self.cycle.keep_alive, False
        self.deadline = self._server.within(self._limits.receive_body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._intake.receiving = False
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive and not self._server.draining
        if not self.flow.write_paused:
            self.deadline = NEVER
        super().on_message_complete()

    # What the cycle of one request and its answer calls.

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._running = None
        if self._outlet.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._deaf:
            self._part()
        elif not self._intake.receiving and not self.flow.write_paused:
            self.deadline = self._server.within(self._limits.idle)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # How it ends.

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Ignore the offer (RFC 9110 §7.8): read the header again without it, and what follows as the same request.

        The parser would take it for another protocol, whatever the header says of its length.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._stop(MALFORMED)
            return
        self._intake.receiving = False
        self.data_received(without_upgrade(method, self.url, self.parser.get_http_version(), self.headers) + rest)

    def _stop(self, refusal: Refusal | None) -> None:
        """Read no more. Requests that are whole are answered, then comes the refusal, then the end."""
        self._deaf, self._refusal = True, refusal
        if refusal is not None and self._intake.promised:
            self._give_up(self.cycle)
        if self._running is None:
            self._part()

    def _give_up(self, cycle: RequestResponseCycle) -> None:
        """The rest of this request won't come. Its answer, if it has begun, stays the last word."""
        if cycle.disconnected:
            return  # the client's last byte came after what was refused
        if cycle.response_started:
            self._refusal = None
            return
        cycle.scope["state"][REFUSAL] = self._refusal
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if cycle is self._running:
            self._running = None
        else:
            self.pipeline.popleft()

    def _part(self) -> None:
        if self._refusal is not None:
            self._say(self._refusal)
        self._outlet.close()

    def _say(self, refusal: Refusal) -> None:
        known: Audit | None = self.scope["state"].get(AUDIT) if self._intake.promised else None
        client = self.client[0] if self.client else ""
        audit = known or self._server.trail.refused(refusal, Audit(request_id(self.headers or ()), "", client))
        self._outlet.write(refusal.encoded(audit.request_id))

    def _hang_up(self) -> None:
        if self._outlet.is_closing():
            return
        self.deadline = self._server.within(self._limits.send)
        if self._ended or not (self._intake.receiving or self._deaf):
            self._outlet.close_whole()
            return
        self._deaf = True
        self._outlet.linger()
        self.deadline = self._server.within(self._limits.linger)
        self.flow.resume_reading()
