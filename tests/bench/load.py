"""The injection bench's load: ``python -m tests.bench.load PORT CA CONNECTIONS REVIEWS``.

Each connection sends a review, waits for the answer, and sends the next. Prints a JSON object: ``rate`` (reviews a
second), ``p50`` and ``p99`` (milliseconds), ``patched`` (answers that carry a patch).
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial
from typing import cast

import httptools
import uvloop

from tests.bench.review import NAMESPACES, namespace_name, review


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, turns: Iterator[bytes], times: list[float], done: asyncio.Future[None]) -> None:
        self.turns, self.times, self.done = turns, times, done
        self.patched = 0
        self.began = 0.0
        self.body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        request = next(self.turns, None)
        if request is None:
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self.body.append(part)

    def on_message_complete(self) -> None:
        self.times.append(time.perf_counter() - self.began)
        self.patched += b'"patch":"' in b"".join(self.body)
        self.body.clear()
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc) if exc else self.done.set_result(None)


def requests(number: int) -> list[bytes]:
    """Whole HTTP requests, for namespaces spread over all."""
    made = []
    for index in range(number):
        body = review(namespace_name(index * 7919 % NAMESPACES), str(uuid.UUID(int=index)))
        head = "POST /inject?timeout=3s HTTP/1.1\r\nHost: webhook\r\nUser-Agent: kube-apiserver-admission\r\n"
        head += f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
        made.append(head.encode() + b"Accept-Encoding: gzip\r\n\r\n" + body)
    return made


async def load(port: int, ca: str, connections: int, number: int) -> None:
    """Send so many reviews, and print what was measured."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=ca)
    made = requests(256)
    turns = _turns(made, number)
    times: list[float] = []
    clients = [Client(turns, times, loop.create_future()) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", port, ssl=context)
    began = time.perf_counter()
    for client in clients:
        client.send()
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - began
    times.sort()
    result = {
        "rate": number / elapsed,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[len(times) * 99 // 100] * 1000,
        "patched": sum(client.patched for client in clients),
    }
    print(json.dumps(result))


def _same(client: Client) -> Client:
    return client


def _turns(made: list[bytes], number: int) -> Iterator[bytes]:
    return (made[turn % len(made)] for turn in range(number))


if __name__ == "__main__":
    uvloop.run(load(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
