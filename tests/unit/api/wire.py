"""The API's server on a free port of loopback, before routes that tests can hold up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runtimeenv.api.audit import Trail
from runtimeenv.api.intake import Limits
from runtimeenv.api.middleware import Requests
from runtimeenv.api.proxies import Proxies
from runtimeenv.api.server import Server
from runtimeenv.api.traffic import Traffic
from tests.unit.serving.clients import Client, client

__all__ = ["Client", "Served", "client", "get", "post", "refused", "serving", "until"]

LARGE = 8 * 1024 * 1024


@dataclass
class Served:
    """A running server, and the routes' side of it."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once /held or /large was called."""
    free: asyncio.Event = field(default_factory=asyncio.Event)
    """Lets /held answer."""
    server: Server = field(init=False)
    port: int = 0

    def routes(self) -> list[Route]:
        return [
            Route("/echo", self.echo, methods=["POST"]),
            Route("/peer/{id}", self.peer),
            Route("/held", self.held, methods=["GET", "POST"]),
            Route("/large", self.large),
            Route("/early", self.early, methods=["POST"]),
            Route("/fault", self.fault),
        ]

    async def echo(self, request: Request) -> Response:
        return Response(await request.body())

    async def peer(self, request: Request) -> Response:
        host = request.client.host if request.client else ""
        return PlainTextResponse(f"{request.state.audit.address} {host} {request.url.scheme} {request.url.query}")

    async def held(self, request: Request) -> Response:
        self.asked.set()
        await self.free.wait()
        return PlainTextResponse(request.method)

    async def large(self, _: Request) -> Response:
        self.asked.set()
        return Response(bytes(LARGE))

    async def early(self, _: Request) -> Response:
        return PlainTextResponse("no need to read", 413)

    async def fault(self, request: Request) -> Response:
        raise ValueError(request.url.query)


@asynccontextmanager
async def serving(
    limits: Limits | None = None, context: ssl.SSLContext | None = None, believed: str = ""
) -> AsyncIterator[Served]:
    """A server, drained in the end."""
    served = Served()
    trail = Trail(Traffic(served.registry))
    application = Starlette(routes=served.routes())
    application.router.redirect_slashes = False
    application.middleware_stack = ExceptionMiddleware(application.router)  # and no more, as the real one has it
    requests = Requests(application, trail, Proxies(believed))
    served.server = Server(requests, trail, limits or Limits())
    served.port = await served.server.start("127.0.0.1", 0, context)
    try:
        yield served
    finally:
        served.free.set()
        await served.server.drain(0, 5)


def get(path: str, *lines: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: api", *lines, "", ""]).encode()


def post(path: str, body: bytes, *lines: str) -> bytes:
    """A request with one."""
    return get(path, f"Content-Length: {len(body)}", *lines, method="POST") + body


def refused(body: bytes) -> str:
    """The code of an error body."""
    return str(msgspec.json.decode(body)["error"]["code"])


async def until(condition: Callable[[], object]) -> None:
    """Waits for what no event tells."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it happens in the kernel
            await asyncio.sleep(0.005)
