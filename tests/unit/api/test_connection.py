"""Clients that speak badly, slowly or not to the end, on real sockets."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest

from runtimeenv.api.intake import Limits
from tests.unit.api.wire import LARGE, client, get, post, refused, serving, until

pytestmark = pytest.mark.uvloop

CANARY = b"canary-90d1"


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "runtimeenv.api" and record.msg == "request"]


async def test_a_connection_is_kept_for_further_requests() -> None:
    async with serving() as served, client(served.port) as one:
        for word in (b"first", b"second"):
            await one.send(post("/echo", word))
            status, headers, body = await one.answer()
            assert (status, body) == (200, word)
            assert "connection" not in headers


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET /" + b"x" * 9000, 414, "URI_TOO_LONG"),
        (get("/" + "x" * 9000), 414, "URI_TOO_LONG"),
        (get("/held", "X: " + "x" * 20_000), 431, "HEADERS_TOO_LARGE"),
        (get("/held", *["X: y"] * 101), 431, "HEADERS_TOO_LARGE"),
        (CANARY + b"\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"GET / HTTP/9.9\r\n" + CANARY + b"\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: " + CANARY + b"\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (post("/echo", CANARY, "Transfer-Encoding: chunked"), 400, "MALFORMED_REQUEST"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"CONNECT canary-90d1:443 HTTP/1.1\r\n\r\n", 400, "MALFORMED_REQUEST"),
    ],
)
async def test_what_is_too_large_or_no_http_is_refused_in_the_one_form_without_echo(
    raw: bytes, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(raw)
        found, headers, body = await one.answer()
        assert (found, refused(body), headers["connection"]) == (status, code, "close")
        assert headers["x-request-id"] in body.decode()
        assert headers["cache-control"] == "no-store"
        assert CANARY not in body
        assert await one.ended()
    assert [(line.status, line.code, line.route) for line in lines(caplog)] == [(status, code, "")]
    assert CANARY.decode() not in caplog.text


async def test_a_header_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(b"GET / HTTP/1.1\r\nX: ")
        async with asyncio.timeout(20):
            while not one.reader._buffer:  # type: ignore[attr-defined] # what has come
                await one.send(b"x" * 1024)
        assert refused((await one.answer())[2]) == "HEADERS_TOO_LARGE"


async def test_a_client_that_never_finishes_its_header_is_told_and_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Limits(receive_header=0, sweep=0.01)) as served, client(served.port) as one:
        await one.send(b"GET / HTTP/1.1\r\n")
        assert (await one.answer())[0] == 408
        assert await one.ended()
    assert [line.status for line in lines(caplog)] == [408]


async def test_a_client_that_never_finishes_its_body_is_told_and_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Limits(receive_body=0, sweep=0.01)) as served, client(served.port) as one:
        await one.send(post("/echo", CANARY, "X-Request-Id: mine")[:-1])
        status, headers, body = await one.answer()
        assert (status, refused(body), headers["x-request-id"]) == (408, "REQUEST_TIMEOUT", "mine")
        assert await one.ended()
    assert [(line.status, line.request_id) for line in lines(caplog)] == [(408, "mine")]


async def test_a_client_that_says_nothing_is_hung_up_on_in_time() -> None:
    async with serving(Limits(idle=0, sweep=0.01)) as served, client(served.port) as one:
        assert await one.ended()


async def test_a_client_that_does_not_take_its_answer_is_hung_up_on() -> None:
    async with serving(Limits(send=0, sweep=0.01)) as served, client(served.port) as one:
        one.writer.transport.pause_reading()  # type: ignore[attr-defined] # typed as one that only writes
        await one.send(get("/large"))
        await served.asked.wait()
        await until(lambda: not served.server.connections)
        one.writer.transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await one.answer()


async def test_a_client_that_takes_its_large_answer_gets_all_of_it() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/large"))
        assert len((await one.answer())[2]) == LARGE


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/held") + post("/echo", b"a") + post("/echo", b"b"))
        await served.asked.wait()
        served.free.set()
        assert [(await one.answer())[2] for _ in range(3)] == [b"GET", b"a", b"b"]


async def test_of_too_many_pipelined_requests_the_first_are_answered_and_then_it_ends() -> None:
    async with serving(Limits(pipelined=2)) as served, client(served.port) as one:
        await one.send(get("/held") + b"".join(post("/echo", b"%d" % n) for n in range(5)))
        await served.asked.wait()
        served.free.set()
        assert [(await one.answer())[2] for _ in range(3)] == [b"GET", b"0", b"1"]
        assert await one.ended()


async def test_a_malformed_request_is_refused_after_the_answers_to_those_before_it() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/held") + CANARY + b"\r\n\r\n")
        await served.asked.wait()
        served.free.set()
        assert (await one.answer())[2] == b"GET"
        assert refused((await one.answer())[2]) == "MALFORMED_REQUEST"


async def test_what_follows_a_request_that_closes_is_not_read() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(post("/echo", b"a", "Connection: close") + post("/echo", b"b"))
        status, headers, body = await one.answer()
        assert (status, headers["connection"], body) == (200, "close", b"a")
        assert await one.ended()


async def test_a_request_is_answered_though_the_client_has_closed_its_half() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/held"))
        one.writer.write_eof()
        await served.asked.wait()
        served.free.set()
        assert (await one.answer())[2] == b"GET"
        assert await one.ended()


async def test_a_client_that_goes_within_its_body_leaves_a_line_in_the_audit(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/echo", "Content-Length: 9", "Expect: 100-continue", method="POST"))
        assert await one.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert [(line.status, line.code, line.route) for line in lines(caplog)] == [(499, "CLIENT_GONE", "/echo")]


async def test_an_answer_that_needs_no_body_reaches_a_client_that_still_sends_it() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(post("/early", bytes(1024 * 1024))[:-1])
        status, headers, body = await one.answer()
        assert (status, headers["connection"], body) == (413, "close", b"no need to read")
        await one.send(b"x")
        assert await one.ended()


async def test_a_client_that_sends_on_and_on_after_the_last_answer_is_hung_up_on() -> None:
    async with serving(Limits(discard=1024)) as served, client(served.port) as one:
        await one.send(get("/early", "Content-Length: 1000000000", method="POST"))
        await one.answer()
        with suppress(ConnectionError):
            while served.server.connections:
                await one.send(bytes(65536))


@pytest.mark.parametrize("body", [b"hello", b""])
async def test_an_offered_upgrade_is_ignored_with_or_without_a_body(body: bytes) -> None:
    async with serving() as served, client(served.port) as one:
        offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
        for raw in (post("/echo", body, *offer) + post("/echo", b"next", *offer), post("/echo", b"last")):
            await one.send(raw)
        assert [(await one.answer())[2] for _ in range(3)] == [body, b"next", b"last"]


async def test_an_offered_upgrade_whose_body_comes_later_is_one_request() -> None:
    async with serving() as served, client(served.port) as one:
        raw = post("/echo", get("/held"), "Connection: Upgrade", "Upgrade: h2c")
        await one.send(raw[: -len(get("/held"))])
        await one.send(get("/held"))
        assert (await one.answer())[2] == get("/held")
        assert not served.asked.is_set()


async def test_a_chunked_body_is_whole_and_its_trailer_is_no_header() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(
            b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Request-Id: late\r\n\r\n"
        )
        _, headers, body = await one.answer()
        assert body == b"abc"
        assert headers["x-request-id"] != "late"


@pytest.mark.parametrize("target", ["http://api/peer/1?x=1", "/peer/1?x=1"])
async def test_a_target_with_a_host_is_the_path_behind_it(target: str) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(target))
        assert (await one.answer())[2] == b"127.0.0.1 127.0.0.1 http x=1"


@pytest.mark.parametrize("target", ["*", "http://api"])
async def test_a_target_without_a_path_is_no_fault(target: str) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(target, method="OPTIONS"))
        assert (await one.answer())[0] == 404


async def test_http_1_0_is_answered_and_hung_up_on() -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(b"GET /peer/1 HTTP/1.0\r\n\r\n")
        assert (await one.answer())[0] == 200
        assert await one.ended()


async def test_the_servers_own_log_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as served, client(served.port) as one:
        await one.send(get("/peer/1"))
        _, headers, _ = await one.answer()
        assert "server" not in headers
        assert "date" in headers
    assert {record.name for record in caplog.records} <= {"runtimeenv.api", "asyncio"}
