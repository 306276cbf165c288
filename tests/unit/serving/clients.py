"""Running servers, and a client that speaks HTTP by hand, so that it can also speak it badly."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from runtimeenv.serving.http import Answer, Limits, Routes
from runtimeenv.serving.server import Server


def echo(body: bytes) -> Answer:
    """Answers with what was sent."""
    return Answer(200, body, "text/plain")


ROUTES: Routes = {("POST", "/echo"): echo}


@asynccontextmanager
async def serving(
    routes: Routes = ROUTES, limits: Limits | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, int]]:
    """A server on a free port of loopback, and the port."""
    server = Server(routes, limits or Limits())
    port = await server.start("127.0.0.1", 0, context)
    try:
        yield server, port
    finally:
        await server.drain(0, 0)


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split(" ")[1]), headers, body

    async def post(self, body: bytes, path: str = "/echo", headers: str = "") -> tuple[int, dict[str, str], bytes]:
        """One request and its answer."""
        await self.send(request(body, path, headers))
        return await self.answer()

    async def ended(self) -> bool:
        """Waits for the end of the connection; True if nothing more came."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


def request(body: bytes, path: str = "/echo", headers: str = "") -> bytes:
    """A POST as bytes; ``headers`` are whole lines."""
    head = f"POST {path} HTTP/1.1\r\nHost: webhook\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


@asynccontextmanager
async def client(port: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    """A connection, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


class Held:
    """A handler that answers when it is let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.free = asyncio.Event()

    async def __call__(self, body: bytes) -> Answer:
        self.asked.set()
        await self.free.wait()
        return Answer(200, body)
