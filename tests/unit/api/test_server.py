"""The listener: how many it serves, with which certificate, and how it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runtimeenv.api.intake import Limits
from runtimeenv.serving.tls import Certificates
from tests.unit.api.wire import client, get, post, refused, serving, until
from tests.unit.serving.test_tls import issued, presented, trusting, write

pytestmark = pytest.mark.uvloop


def test_idle_connections_outlast_those_of_common_proxies() -> None:
    assert Limits().idle > 600


async def test_the_oldest_idle_connection_makes_room_for_a_new_one() -> None:
    async with serving(Limits(connections=1)) as served, client(served.port) as old:
        await old.send(post("/echo", b"x"))
        await old.answer()
        async with client(served.port) as new:
            await new.send(post("/echo", b"x"))
            assert (await new.answer())[0] == 200
            assert await old.ended()


async def test_a_header_that_does_not_come_makes_room_for_one_that_does() -> None:
    async with serving(Limits(connections=1)) as served, client(served.port) as slow:
        await slow.send(b"GET /peer/1 HTTP/1.1\r\nHost:")
        await until(lambda: not all(connection.idle for connection in served.server.connections))
        async with client(served.port) as new:
            await new.send(post("/echo", b"x"))
            assert (await new.answer())[0] == 200
            assert await slow.ended()


async def test_one_that_does_not_take_its_answer_makes_room_but_once() -> None:
    async with serving(Limits(connections=1)) as served, client(served.port) as slow:
        await slow.send(get("/large"))
        await served.asked.wait()
        await until(lambda: all(connection.idle for connection in served.server.connections))
        async with client(served.port) as new:
            await new.send(post("/echo", b"x"))
            assert (await new.answer())[0] == 200
            async with client(served.port) as newer:
                await newer.send(post("/echo", b"x"))
                assert (await newer.answer())[0] == 200
                assert await new.ended()


async def test_a_connection_too_many_is_told_when_to_come_again() -> None:
    async with serving(Limits(connections=1)) as served, client(served.port) as old:
        await old.send(get("/held"))
        await served.asked.wait()
        async with client(served.port) as new:
            status, headers, body = await new.answer()
            assert (status, refused(body), headers["retry-after"]) == (503, "UNAVAILABLE", "1")
            assert await new.ended()
        served.free.set()
        assert (await old.answer())[2] == b"GET"


async def test_a_drain_lets_a_request_under_way_end_and_closes_its_connection() -> None:
    async with serving() as served, client(served.port) as busy, client(served.port) as idle:
        await busy.send(get("/held"))
        await served.asked.wait()
        draining = asyncio.ensure_future(served.server.drain(0, 60))
        assert await idle.ended()
        served.free.set()
        status, headers, body = await busy.answer()
        assert (status, headers["connection"], body) == (200, "close", b"GET")
        assert await busy.ended()
        await draining


async def test_a_drain_serves_those_who_do_not_know_yet_and_hangs_up_after_each_answer() -> None:
    async with serving() as served, client(served.port) as known:
        await known.send(post("/echo", b"x"))
        await known.answer()
        draining = asyncio.ensure_future(served.server.drain(60, 60))
        async with client(served.port) as new:
            for one in (known, new):
                await one.send(post("/echo", b"late"))
                status, headers, body = await one.answer()
                assert (status, headers["connection"], body) == (200, "close", b"late")
                assert await one.ended()
        draining.cancel()


async def test_a_drain_waits_for_a_request_that_is_being_received() -> None:
    async with serving() as served, client(served.port) as one, client(served.port) as other:
        raw = post("/echo", b"whole")
        await one.send(raw[:-2])
        await other.send(post("/echo", b""))  # by its answer, what came before it has been read too
        await other.answer()
        draining = asyncio.ensure_future(served.server.drain(0, 60))
        assert await other.ended()
        await one.send(raw[-2:])
        status, headers, body = await one.answer()
        assert (status, headers["connection"], body) == (200, "close", b"whole")
        await draining


async def test_a_drain_ends_in_time_whatever_still_runs(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/held"))
        await served.asked.wait()
        await served.server.drain(0, 0)
        assert await one.ended()
        await asyncio.wait(served.server.state.tasks or [asyncio.ensure_future(asyncio.sleep(0))])
    assert [getattr(record, "code", "") for record in caplog.records if record.msg == "request"] == ["UNAVAILABLE"]


async def test_new_handshakes_see_the_new_certificate_and_old_connections_stay(tmp_path: Path) -> None:
    certificates = Certificates()
    first, second = issued(), issued()
    write(tmp_path, first)
    certificates.load(tmp_path)
    async with serving(context=certificates.context) as served, client(served.port, trusting()) as old:
        assert presented(old).encode() == first.certificate
        write(tmp_path, second)
        certificates.load(tmp_path)
        async with client(served.port, trusting()) as new:
            assert presented(new).encode() == second.certificate
        await old.send(get("/peer/1"))
        assert (await old.answer())[2].startswith(b"127.0.0.1 127.0.0.1 https")


async def test_an_early_answer_over_tls_reaches_a_client_that_still_sends(tmp_path: Path) -> None:
    certificates = Certificates()
    write(tmp_path, issued())
    certificates.load(tmp_path)
    async with serving(context=certificates.context) as served, client(served.port, trusting()) as one:
        await one.send(post("/early", bytes(1024 * 1024))[:-1])
        assert (await one.answer())[0] == 413


async def test_who_does_not_finish_the_handshake_is_hung_up_on(tmp_path: Path) -> None:
    certificates = Certificates()
    write(tmp_path, issued())
    certificates.load(tmp_path)
    async with serving(Limits(handshake=0.01), certificates.context) as served, client(served.port) as one:
        assert await one.ended()


async def test_only_proxies_that_are_named_are_believed() -> None:
    claim = get("/peer/1", "X-Forwarded-For: 192.0.2.7, 10.0.0.9", "X-Forwarded-Proto: https")
    async with serving() as served, client(served.port) as one:
        await one.send(claim)
        assert (await one.answer())[2] == b"127.0.0.1 127.0.0.1 http "
    async with serving(believed="127.0.0.1, 10.0.0.0/8") as served, client(served.port) as one:
        await one.send(claim)
        assert (await one.answer())[2] == b"192.0.2.7 192.0.2.7 https "
