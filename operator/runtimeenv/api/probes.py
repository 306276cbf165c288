"""/healthz and /readyz beside the endpoints, for proxies that ask where they send; no part of the document."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def probe_routes(waiting_for: Callable[[], str]) -> list[Route]:
    """``waiting_for`` says what is missing, and "" when the process is ready. Alive is whoever answers."""

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        missing = waiting_for()
        return PlainTextResponse(f"waiting for {missing}\n", 503) if missing else PlainTextResponse("ok\n")

    return [Route("/healthz", healthy), Route("/readyz", ready)]
