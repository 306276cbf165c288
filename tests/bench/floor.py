"""The floor of the injection bench: ``python -m tests.bench.floor FOLDER``. Prints its port.

uvloop, httptools and msgspec, which decodes the review into the fields that any injector needs, and a constant patch.
It has no routes, limits, drain, certificate reload or metrics: nothing that answers the same review can do less.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop


class Source(msgspec.Struct, rename="camel"):
    """``envFrom[]``."""

    secret_ref: dict[str, str | bool] | None = None


class Container(msgspec.Struct, rename="camel"):
    """A container."""

    name: str
    env_from: list[Source] | None = None


class Spec(msgspec.Struct, rename="camel"):
    """``spec``."""

    containers: list[Container]
    init_containers: list[Container] | None = None


class Meta(msgspec.Struct):
    """``metadata``."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Pod(msgspec.Struct):
    """A pod."""

    metadata: Meta
    spec: Spec


class Request(msgspec.Struct):
    """``request``."""

    uid: str
    namespace: str
    object: Pod


class Review(msgspec.Struct):
    """What is asked."""

    request: Request


class Response(msgspec.Struct, rename="camel"):
    """``response``."""

    uid: str
    allowed: bool
    patch_type: str
    patch: str


class Answered(msgspec.Struct, rename="camel"):
    """What is answered."""

    api_version: str
    kind: str
    response: Response


PATCH = base64.b64encode(msgspec.json.encode([{"op": "add", "path": "/metadata/annotations/x", "value": "y"}])).decode()
decode = msgspec.json.Decoder(Review).decode
encode = msgspec.json.Encoder().encode


class Floor(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self.body.append(part)

    def on_message_complete(self) -> None:
        review = decode(b"".join(self.body))
        self.body.clear()
        response = Response(review.request.uid, allowed=True, patch_type="JSONPatch", patch=PATCH)
        body = encode(Answered("admission.k8s.io/v1", "AdmissionReview", response))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def serve(folder: Path) -> None:
    """Until the process is killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
