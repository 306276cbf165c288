"""Load on a server: ``python -m tests.bench.load PORT CA CONNECTIONS NUMBER MARK``; no CA is plain HTTP.

Takes whole HTTP requests from standard input, each ended by `END`, and sends them in turns: each connection sends one,
waits for the answer, and sends the next. Prints a JSON object: ``rate`` (answers a second), ``p50`` and ``p99``
(milliseconds), ``marked`` (answers of status 200 whose body holds MARK).
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import cast

import httptools
import uvloop

END = b"\0"


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, turns: Iterator[bytes], mark: bytes, times: list[float], done: asyncio.Future[None]) -> None:
        self.turns, self.mark, self.times, self.done = turns, mark, times, done
        self.marked = 0
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
        self.marked += self.parser.get_status_code() == 200 and self.mark in b"".join(self.body)
        self.body.clear()
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc) if exc else self.done.set_result(None)


async def load(port: int, ca: str, connections: int, number: int, mark: bytes, requests: list[bytes]) -> None:
    """Send so many, and print what was measured."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=ca) if ca else None
    turns = (requests[turn % len(requests)] for turn in range(number))
    times: list[float] = []
    clients = [Client(turns, mark, times, loop.create_future()) for _ in range(connections)]
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
        "marked": sum(client.marked for client in clients),
    }
    print(json.dumps(result))


def _same(client: Client) -> Client:
    return client


if __name__ == "__main__":
    port, ca, connections, number, mark = sys.argv[1:]
    sent = sys.stdin.buffer.read().split(END)[:-1]
    uvloop.run(load(int(port), ca, int(connections), int(number), mark.encode(), sent))
