import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from runtimeenv.serving.http import Answer, Limits, Routes
from runtimeenv.serving.server import Server
from tests.unit.serving.clients import ROUTES, Client, Held, client, request, serving

CANARY = b"canary-90d1"


async def test_a_connection_is_kept_for_further_requests() -> None:
    async with serving() as (_, port), client(port) as one:
        assert (await one.post(b"first"))[2] == b"first"
        status, headers, body = await one.post(b"second")
        assert (status, body) == (200, b"second")
        assert "connection" not in headers


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_without_an_address_it_answers_at_those_of_both_families(
    host: str, run: Callable[[Coroutine[None, None, bytes]], bytes]
) -> None:
    try:
        port = free_port(host)
    except OSError:
        pytest.skip(f"this machine has no {host}")

    async def answered() -> bytes:
        server = Server(ROUTES)
        assert await server.start("", port) == port
        reader, writer = await asyncio.open_connection(host, port)
        body = (await Client(reader, writer).post(b"x"))[2]
        writer.close()
        await server.drain(0, 0)
        return body

    assert run(answered()) == b"x"


def free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def test_the_query_of_the_api_server_does_not_count() -> None:
    async with serving() as (_, port), client(port) as one:
        assert (await one.post(b"x", "/echo?timeout=3s"))[0] == 200


@pytest.mark.parametrize("path", ["/", "/echo/", "/Echo", "/echo%2f"])
async def test_another_path_is_not_found_and_the_connection_stays(path: str) -> None:
    async with serving() as (_, port), client(port) as one:
        assert (await one.post(CANARY, path))[0] == 404
        assert (await one.post(b"x"))[0] == 200


async def test_another_method_is_not_found() -> None:
    async with serving() as (_, port), client(port) as one:
        await one.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await one.answer())[0] == 404


async def test_a_body_that_comes_in_pieces_is_whole() -> None:
    body = bytes(range(256)) * 4096
    async with serving() as (_, port), client(port) as one:
        assert (await one.post(body))[2] == body


async def test_a_chunked_body_is_whole() -> None:
    async with serving() as (_, port), client(port) as one:
        await one.send(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        assert (await one.answer())[2] == b"abcde"


async def test_three_mebibytes_pass() -> None:
    body = b"x" * (3 * 1024 * 1024)
    async with serving() as (_, port), client(port) as one:
        assert len((await one.post(body))[2]) == len(body)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request(CANARY * 1000), 413),
        (b"POST /echo HTTP/1.1\r\nX: " + CANARY * 1000, 413),
        (CANARY + b"\r\n\r\n", 400),
        (b"POST /echo HTTP/9.9\r\n" + CANARY + b"\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: " + CANARY + b"\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + CANARY, 400),
    ],
)
async def test_what_is_too_large_or_no_http_is_refused_without_echo_and_ends(raw: bytes, status: int) -> None:
    async with serving(limits=Limits(head=1024, body=1024)) as (_, port), client(port) as one:
        await one.send(raw)
        found, headers, body = await one.answer()
        assert (found, headers["connection"]) == (status, "close")
        assert CANARY not in body
        assert await one.ended()


async def test_a_client_that_asks_for_it_is_hung_up_on() -> None:
    async with serving() as (_, port), client(port) as one:
        assert (await one.post(b"x", headers="Connection: close\r\n"))[1]["connection"] == "close"
        assert await one.ended()


async def test_a_client_that_never_finishes_its_request_is_given_up() -> None:
    async with serving(limits=Limits(receive=0, sweep=0.01)) as (_, port), client(port) as one:
        await one.send(b"POST /echo HTTP/1.1\r\n")
        assert await one.ended()


async def test_an_idle_connection_ends_in_time() -> None:
    async with serving(limits=Limits(idle=0, sweep=0.01)) as (_, port), client(port) as one:
        assert await one.ended()


def test_idle_connections_outlast_those_of_the_api_server() -> None:
    assert Limits().idle > 90


async def test_the_oldest_idle_connection_makes_room_for_a_new_one() -> None:
    async with serving(limits=Limits(connections=1)) as (_, port), client(port) as old:
        await old.post(b"x")
        async with client(port) as new:
            assert (await new.post(b"x"))[0] == 200
            assert await old.ended()


async def test_a_fault_is_a_500_and_the_log_keeps_what_was_sent_out(caplog: pytest.LogCaptureFixture) -> None:
    def broken(body: bytes) -> Answer:
        raise ValueError(body)

    async def broken_later(body: bytes) -> Answer:
        raise ValueError(body)

    routes: Routes = {("POST", "/now"): broken, ("POST", "/later"): broken_later}
    async with serving(routes) as (_, port), client(port) as one:
        for path in ("/now", "/later"):
            status, _, body = await one.post(CANARY, path)
            assert status == 500
            assert CANARY not in body
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "request failed"
    ] * 2


async def test_who_sends_on_before_the_answer_gets_that_answer_and_no_more() -> None:
    held = Held()
    async with serving({("POST", "/held"): held}) as (_, port), client(port) as one:
        await one.send(request(b"first", "/held") + request(b"second", "/held"))
        await held.asked.wait()
        held.free.set()
        _, headers, body = await one.answer()
        assert (body, headers["connection"]) == (b"first", "close")
        assert await one.ended()


async def test_a_body_counts_until_it_is_answered() -> None:
    held = Held()
    async with serving({("POST", "/held"): held}) as (server, port), client(port) as one:
        await one.send(request(b"x" * 100, "/held"))
        await held.asked.wait()
        assert server.buffered == 100
        held.free.set()
        await one.answer()
        assert server.buffered == 0


async def test_a_client_that_leaves_before_the_answer_harms_nobody() -> None:
    held = Held()
    async with serving({**ROUTES, ("POST", "/held"): held}) as (_, port):
        async with client(port) as one:
            await one.send(request(b"x", "/held"))
            await held.asked.wait()
        held.free.set()
        async with client(port) as other:
            assert (await other.post(b"x"))[0] == 200
