"""uvicorn on httptools and uvloop, with limits on connections, and an end that fails no request."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from runtimeenv.api.audit import Trail
from runtimeenv.api.connection import Connection
from runtimeenv.api.intake import Limits

BACKLOG: Final = 1024


class Server:
    """Listens on one port. `start` it in a running loop, `drain` it in the end."""

    def __init__(self, application: ASGIApp, trail: Trail, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.trail = trail
        self.limits = limits
        self.draining = False
        self.state = ServerState()
        self.config = uvicorn.Config(
            application, log_config=None, log_level="warning", access_log=False, lifespan="off", ws="none",
            interface="asgi3", proxy_headers=False, server_header=False,
        )  # fmt: skip
        self.config.load()
        self.loop: asyncio.AbstractEventLoop
        self.connections: dict[Connection, None] = {}
        """The oldest first."""
        self._listener: asyncio.Server
        self._sweeping: asyncio.TimerHandle
        self._changed = asyncio.Event()

    async def start(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Listen, and return the port: a free one for port 0. Raises OSError where it is taken."""
        self.loop = asyncio.get_running_loop()
        self._listener = await self.loop.create_server(
            lambda: Connection(self), host, port, ssl=context, backlog=BACKLOG,
            ssl_handshake_timeout=self.limits.handshake if context else None,
            ssl_shutdown_timeout=self.limits.linger if context else None,
        )  # fmt: skip
        self._sweep()
        return int(self._listener.sockets[0].getsockname()[1])

    async def drain(self, linger: float, grace: float) -> None:
        """Stop without failing a request.

        For ``linger`` seconds new connections are still served, since callers learn late that we go; every answer is
        a connection's last. Then idle connections are closed, and ``grace`` seconds later all; what then still runs is
        cancelled.
        """
        self.draining = True
        for connection in self._busy():
            connection.end()
        await asyncio.sleep(linger)
        self._listener.close()
        for connection in list(self.connections):
            connection.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._until_done()
        self.close()

    def close(self) -> None:
        """Stop at once, in the middle of whatever it is."""
        self._listener.close()
        for connection in list(self.connections):
            connection.transport.abort()
        for task in self.state.tasks:
            task.cancel()
        self._sweeping.cancel()

    async def _until_done(self) -> None:
        while self.connections:
            self._changed.clear()
            await self._changed.wait()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks)

    def _busy(self) -> Iterable[Connection]:
        return [connection for connection in self.connections if not connection.idle]

    # What connections call.

    def join(self, connection: Connection) -> bool:
        """Count a connection in; False where it is one too many, and no older one makes room."""
        if len(self.connections) >= self.limits.connections and not self._make_room():
            return False
        self.connections[connection] = None
        return True

    def _make_room(self) -> bool:
        """The oldest idle connection goes, else the oldest that has still to say what it wants.

        Clients that have a request send it at once: whoever holds connections by slow headers loses them first.
        """
        if idle := next((other for other in self.connections if other.idle), None):
            idle.end()
            return True
        unheard = next((other for other in self.connections if other.unheard), None)
        if unheard is not None:
            unheard.transport.abort()
        return unheard is not None

    def leave(self, connection: Connection) -> None:
        """Count a connection out."""
        self.connections.pop(connection, None)
        self._changed.set()

    def within(self, seconds: float) -> float:
        """The loop's time in so many seconds."""
        return self.loop.time() + seconds

    def _sweep(self) -> None:
        self.state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
        now = self.loop.time()
        for connection in list(self.connections):
            if connection.deadline < now:
                connection.expire()
        self._sweeping = self.loop.call_later(self.limits.sweep, self._sweep)
