"""A small HTTP/1.1 server: fixed paths, whole bodies, keep-alive, limits, drain.

It stands in the path of every pod's creation. On httptools and uvloop an answer costs a fraction of what a web
framework's does; ``tests/bench`` holds it to that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl

from runtimeenv.serving.connection import Connection
from runtimeenv.serving.http import Answer, Handler, Limits, Routes

__all__ = ["Answer", "Handler", "Limits", "Routes", "Server"]


class Server:
    """Listens on one port. `start` it in a running loop, `drain` it in the end."""

    def __init__(self, routes: Routes, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.routes = routes
        self.limits = limits
        self.draining = False
        self.buffered = 0
        """Bytes of bodies that are not whole or not answered yet."""
        self.loop: asyncio.AbstractEventLoop
        self._connections: dict[Connection, None] = {}
        self._listener: asyncio.Server
        self._sweeping: asyncio.TimerHandle
        self._empty = asyncio.Event()

    async def start(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Listen, and return the port: a free one for port 0. Raises OSError where it is taken.

        ``host`` "" is all addresses, of each family that there is: pods of some clusters have IPv6 alone.
        """
        self.loop = asyncio.get_running_loop()
        handshake = self.limits.handshake if context else None
        self._listener = await self.loop.create_server(
            lambda: Connection(self), host, port, ssl=context, ssl_handshake_timeout=handshake, backlog=1024
        )
        for bound in self._listener.sockets:
            with socket.socket(fileno=os.dup(bound.fileno())) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.limits.kernel)  # connections inherit it
        self._sweep()
        return int(self._listener.sockets[0].getsockname()[1])

    async def drain(self, linger: float, grace: float) -> None:
        """Stop without failing a request.

        For ``linger`` seconds new connections are still served, since callers learn late that we go; every answer is
        a connection's last. Then idle callers are sent away, and after ``grace`` seconds all.
        """
        self.draining = True
        await asyncio.sleep(linger)
        self._listener.close()
        self.dismiss()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._until_empty()
        self.close()

    def dismiss(self) -> None:
        """Send all idle callers away."""
        for connection in list(self._connections):
            connection.dismiss()

    def close(self) -> None:
        """Stop at once. Its timer would keep a loop busy that is to be closed: a process with a fault would not end."""
        self._listener.close()
        for connection in list(self._connections):
            connection.close()
        self._sweeping.cancel()

    async def _until_empty(self) -> None:
        while self._connections:
            self._empty.clear()
            await self._empty.wait()

    # What connections call.

    def join(self, connection: Connection) -> None:
        """Count a connection in. Where there are too many, the oldest idle one goes."""
        if len(self._connections) >= self.limits.connections:
            next((other for other in self._connections if other.idle), connection).close()
        self._connections[connection] = None
        connection.deadline = self.idle_until()

    def relieve(self) -> None:
        """Too much is held: who sent most and isn't done goes. So senders of halves don't keep whole reviews out."""
        max(reversed(self._connections), key=lambda connection: connection.held).send_away()

    def leave(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.pop(connection, None)
        self._empty.set()

    def receive_until(self) -> float:
        """When a request that begins now must be here."""
        return self.loop.time() + self.limits.receive

    def idle_until(self) -> float:
        """When a connection that is idle from now on is closed."""
        return self.loop.time() + self.limits.idle

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in list(self._connections):
            if connection.deadline < now:
                connection.close()
                connection.deadline = self.receive_until()
        self._sweeping = self.loop.call_later(self.limits.sweep, self._sweep)
