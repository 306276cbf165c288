"""A server that goes: what is under way is answered, and what comes at the last moment is told to come again."""

import asyncio
import ssl
from pathlib import Path

import pytest

from runtimeenv.serving.tls import Certificates
from tests.unit.serving.clients import Held, client, request, serving
from tests.unit.serving.test_tls import issued, trusting, write


@pytest.fixture(params=["plain", "TLS"])
def contexts(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """The server's and the client's."""
    if request.param == "plain":
        return None, None
    certificates = Certificates()
    write(tmp_path, issued())
    certificates.load(tmp_path)
    return certificates.context, trusting()


async def test_draining_answers_what_is_under_way_and_then_hangs_up() -> None:
    held = Held()
    async with serving({("POST", "/held"): held}) as (server, port), client(port) as one, client(port) as idle:
        await one.send(request(b"x", "/held"))
        await held.asked.wait()
        assert (await idle.post(b"x"))[0] == 404
        draining = asyncio.create_task(server.drain(0, 60))
        assert (await idle.answer())[0] == 503
        assert await idle.ended()
        held.free.set()
        _, headers, body = await one.answer()
        assert (body, headers["connection"]) == (b"x", "close")
        assert await one.ended()
        await draining


async def test_a_request_that_meets_the_end_of_its_connection_is_told_to_come_again(
    contexts: tuple[ssl.SSLContext | None, ssl.SSLContext | None],
) -> None:
    async with serving(context=contexts[0]) as (server, port), client(port, contexts[1]) as one:
        assert (await one.post(b"x"))[0] == 200
        draining = asyncio.create_task(server.drain(0, 60))
        await asyncio.sleep(0)  # the server has given the connection up, which its client can't know yet
        await one.send(request(b"y"))
        status, headers, _ = await one.answer()
        assert (status, headers["retry-after"], headers["connection"]) == (503, "0", "close")
        assert await one.ended()
        await draining


async def test_a_first_request_on_a_new_connection_is_waited_for_and_answered() -> None:
    async with serving() as (server, port), client(port) as one:
        draining = asyncio.create_task(server.drain(0, 60))
        await asyncio.sleep(0.1)  # as long as a handshake with a distant caller
        assert (await one.post(b"y"))[:2] == (
            200,
            {"content-type": "text/plain", "content-length": "1", "connection": "close"},
        )
        await draining


async def test_a_caller_that_hangs_up_when_told_is_not_waited_for() -> None:
    async with serving() as (server, port):
        async with client(port) as one:
            await one.post(b"x")
            draining = asyncio.create_task(server.drain(0, 3600))
            assert (await one.answer())[0] == 503
        async with asyncio.timeout(0.5):
            await draining


async def test_while_it_lingers_new_connections_are_served_once() -> None:
    async with serving() as (server, port):
        draining = asyncio.create_task(server.drain(3600, 60))
        async with client(port) as one:
            assert (await one.post(b"x"))[1]["connection"] == "close"
        draining.cancel()


async def test_after_its_grace_a_drain_ends_what_still_runs() -> None:
    held = Held()
    async with serving({("POST", "/held"): held}) as (server, port), client(port) as one:
        await one.send(request(b"x", "/held"))
        await held.asked.wait()
        await server.drain(0, 0)
        assert await one.ended()
