"""However the bytes are cut, and whatever they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httptools
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from runtimeenv.api.audit import Trail
from runtimeenv.api.connection import Connection
from runtimeenv.api.middleware import Requests
from runtimeenv.api.proxies import Proxies
from runtimeenv.api.server import Server
from runtimeenv.api.traffic import Traffic
from tests.unit.api.wire import Served, get, post

OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
CHUNKED = (
    get("/echo", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
)
ANSWERS = {
    get("/peer/1"): b"127.0.0.1 127.0.0.1 http ",
    get("/peer/1?x=2", *OFFER): b"127.0.0.1 127.0.0.1 http x=2",
    post("/echo", b"hello"): b"hello",
    post("/echo", b""): b"",
    post("/echo", get("/fault")): get("/fault"),
    post("/echo", get("/fault"), *OFFER): get("/fault"),
    CHUNKED: b"abcde",
    get("/early", "Content-Length: 0", method="POST"): b"no need to read",
}


class Wire(asyncio.Transport):
    """A socket that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711), "sockname": ("127.0.0.1", 8000)})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


class Read:
    """Answers, as a client's parser reads them."""

    def __init__(self, raw: bytes) -> None:
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(raw)

    def on_message_begin(self) -> None:
        self.bodies.append(b"")

    def on_headers_complete(self) -> None:
        self.statuses.append(self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        self.bodies[-1] += body


async def told(pieces: Sequence[bytes]) -> Wire:
    """What a connection answers to these pieces, each of which comes by itself, and then to the end of them."""
    trail = Trail(Traffic(CollectorRegistry()))
    application = Starlette(routes=Served().routes())
    server = Server(Requests(application, trail, Proxies("")), trail)
    server.loop = asyncio.get_running_loop()
    wire = Wire()
    connection = Connection(server)
    connection.connection_made(wire)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    while server.state.tasks:
        await asyncio.wait(server.state.tasks)
    connection.eof_received()
    connection.connection_lost(None)
    while server.state.tasks:
        await asyncio.wait(server.state.tasks)
    assert not server.connections
    return wire


def answers(pieces: Sequence[bytes]) -> Read:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return Read(runner.run(told(pieces)).written)


def cut(raw: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(raw) + 1) for place in places} | {len(raw)})
    return [raw[start:end] for start, end in zip([0, *ends], ends, strict=False) if start != end]


@given(st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
def test_wherever_requests_are_cut_each_has_its_own_answer_in_their_order(
    requests: list[bytes], places: list[int]
) -> None:
    read = answers(cut(b"".join(requests), places))
    assert read.bodies == [ANSWERS[request] for request in requests]


NOISE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [*ANSWERS, b"\r\n", b"\r\n\r\n", b"GET ", b" HTTP/1.1\r\n", b"Content-Length: 9\r\n", b"0\r\n\r\n"]
    ),
)


@given(st.lists(NOISE, max_size=8))
def test_whatever_comes_the_answers_are_http_and_no_fault(pieces: list[bytes]) -> None:
    assert set(answers(pieces).statuses) <= {200, 400, 404, 405, 413, 431}
