"""The floor of the API's bench: ``python -m tests.bench.bare_api ITEM LIST``. Prints its port.

A bare FastAPI app on uvicorn with the same two routes, which answers constants of so many bytes: no keys, limits,
look-ups, headers or log lines.
"""

from __future__ import annotations

import socket
import sys

import uvicorn
import uvloop
from fastapi import FastAPI, Response

PATH = "/api/v1/runtime-env"


def constant(size: int) -> bytes:
    """JSON of so many bytes."""
    shell = '{"data":""}'
    return f'{{"data":"{"x" * (size - len(shell))}"}}'.encode()


def application(item: bytes, listed: bytes) -> FastAPI:
    """The two routes."""
    app = FastAPI(openapi_url=None)

    @app.get(PATH)
    async def variables() -> Response:
        return Response(listed, media_type="application/json")

    @app.get(PATH + "/{id}")
    async def variable(id: str) -> Response:  # noqa: A002, ARG001 - the path's own word
        return Response(item, media_type="application/json")

    return app


async def serve(app: FastAPI) -> None:
    """Until the process is killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning", lifespan="off")
    print(listener.getsockname()[1], flush=True)
    await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    uvloop.run(serve(application(*(constant(int(size)) for size in sys.argv[1:]))))
