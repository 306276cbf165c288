"""Bytes in any pieces, good or bad, have the same answers; none of them breaks the server."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.serving.connection import Connection
from runtimeenv.serving.http import Limits
from runtimeenv.serving.server import Server
from tests.unit.serving.clients import ROUTES, request


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing, "written after the end"
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        pass


LOOP = asyncio.new_event_loop()
LOOP.close()


def made() -> Server:
    """A server whose loop only tells the time."""
    server = Server(ROUTES, Limits(head=400, body=400))
    server.loop = LOOP
    return server


def answers(server: Server, pieces: list[bytes]) -> tuple[bytes, bool]:
    """What is written for these pieces, and whether the connection ends."""
    wire, connection = Wire(), Connection(server)
    connection.connection_made(wire)
    for piece in pieces:
        if not wire.closing:
            connection.data_received(piece)
    connection.connection_lost(None)
    return wire.written, wire.closing


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(raw) + 1) for place in places} | {0, len(raw)})
    return [raw[start:end] for start, end in pairwise(ends)]


bodies = st.binary(max_size=300)
places = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.lists(bodies, min_size=1, max_size=3), places)
def test_requests_cut_anywhere_are_answered_as_whole_ones(sent: list[bytes], places: list[int]) -> None:
    server = made()
    whole = [request(body, "/echo?timeout=3s") for body in sent]
    assert answers(server, cut(b"".join(whole), places)) == answers(server, whole)


def test_small_requests_that_come_together_are_not_one_large_one() -> None:
    sent = [request(b"x" * 300)] * 3
    assert answers(made(), [b"".join(sent)]) == answers(made(), sent)


def test_unfinished_bodies_are_counted_together_until_they_end() -> None:
    server = Server(ROUTES, Limits(buffered=100))
    server.loop = LOOP
    first, second = Connection(server), Connection(server)
    wires = [Wire(), Wire()]
    for connection, wire in zip((first, second), wires, strict=True):
        connection.connection_made(wire)
        connection.data_received(request(b"x" * 90)[:-20])
    assert [wire.closing for wire in wires] == [False, True]
    assert wires[1].written.startswith(b"HTTP/1.1 503 ")
    first.connection_lost(None)
    assert server.buffered == 0


def test_who_sends_most_makes_room_for_the_others() -> None:
    server = Server(ROUTES, Limits(buffered=200))
    server.loop = LOOP
    greedy, modest, whole = Connection(server), Connection(server), Connection(server)
    wires = [Wire(), Wire(), Wire()]
    sent = [request(b"x" * 190)[:-40], request(b"x" * 90)[:-60], request(b"y" * 60)]
    for connection, wire, raw in zip((greedy, modest, whole), wires, sent, strict=True):
        connection.connection_made(wire)
        connection.data_received(raw)
    assert wires[0].written.startswith(b"HTTP/1.1 503 ")
    assert (wires[1].written, server.buffered) == (b"", 30)
    assert wires[2].written.startswith(b"HTTP/1.1 200 ")


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_bytes_that_are_no_http_break_nothing(pieces: list[bytes]) -> None:
    written, _ = answers(made(), pieces)
    assert not written or written.startswith(b"HTTP/1.1 4")


@given(st.integers(0, 120), st.binary(min_size=1, max_size=3), bodies, places)
def test_a_damaged_request_breaks_nothing(at: int, damage: bytes, body: bytes, places: list[int]) -> None:
    raw = request(body)
    written, _ = answers(made(), cut(raw[:at] + damage + raw[at:], places))
    assert not written or written.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in written
