"""What every request and every answer has in common."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from runtimeenv.cli.logs import FIELDS, JsonLines
from tests.unit.api.wire import client, get, post, refused, serving

pytestmark = pytest.mark.uvloop

CANARY = "canary-90d1"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    """The audit's lines so far."""
    return lambda: [record for record in caplog.records if record.msg == "request"]


@pytest.mark.parametrize("path", ["/peer/1", "/peer", "/echo", "/fault"])
async def test_every_answer_says_not_to_keep_it_nor_to_guess_its_type(path: str) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(path))
        _, headers, _ = await one.answer()
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("own", ["a", "A.b_c-9", "x" * 64])
async def test_a_clients_own_request_id_is_kept(own: str, told: Any) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/fault", f"X-Request-Id: {own}"))
        _, headers, body = await one.answer()
        assert headers["x-request-id"] == own.lower()  # the client here folds all
        assert f'"request_id":"{own}"' in body.decode()
    assert [line.request_id for line in told()] == [own]


@pytest.mark.parametrize("own", ["", "x" * 65, "a b", "a,b", "ä", '"'])
async def test_any_other_request_id_is_replaced(own: str) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/peer/1", f"X-Request-Id: {own}"))
        await one.send(get("/peer/1"))
        first, second = [(await one.answer())[1]["x-request-id"] for _ in range(2)]
        assert first.startswith("req_")
        assert first != second


@pytest.mark.parametrize("path", ["/peer/1", "/peer/1/"])
async def test_a_slash_at_the_end_makes_no_difference(path: str) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(path))
        assert (await one.answer())[0] == 200


@pytest.mark.parametrize("path", ["/peer/1//", "//peer/1", "/", "//"])
async def test_other_slashes_do(path: str) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(path))
        assert (await one.answer())[0] == 404


async def test_head_is_get_without_the_body(told: Any) -> None:
    async with serving() as served, client(served.port) as one:
        served.free.set()
        await one.send(get("/held", method="HEAD"))
        head = (await one.reader.readuntil(b"\r\n\r\n")).decode()
        assert "content-length: 3" in head
        await one.send(post("/echo", b"next"))
        assert (await one.answer())[2] == b"next"
    assert [line.method for line in told()] == ["HEAD", "POST"]


async def test_a_fault_tells_nothing_but_the_request_id(told: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(f"/fault?{CANARY}"))
        status, headers, body = await one.answer()
        assert (status, refused(body)) == (500, "INTERNAL")
        assert headers["x-request-id"] in body.decode()
        assert CANARY not in body.decode()
        await one.send(post("/echo", b"next"))
        assert (await one.answer())[2] == b"next"
    assert [(line.status, line.code) for line in told()] == [(500, "INTERNAL"), (200, "")]
    assert CANARY not in "".join(JsonLines().format(record) for record in caplog.records)


async def test_a_request_leaves_one_line_that_names_the_route_and_never_the_path(
    told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get(f"/peer/{CANARY}?{CANARY}", f"Authorization: {CANARY}"))
        await one.answer()
        await one.send(get(f"/{CANARY}"))
        await one.answer()
    assert [(line.method, line.route, line.status, line.address) for line in told()] == [
        ("GET", "/peer/{id}", 200, "127.0.0.1"),
        ("GET", "", 404, "127.0.0.1"),
    ]
    assert CANARY not in "".join(JsonLines().format(record) for record in caplog.records)


async def test_the_audit_is_kept_at_any_level_of_the_log(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("runtimeenv"), "level", logging.ERROR)
    async with serving() as served, client(served.port) as one:
        await one.send(get("/peer/1"))
        await one.answer()
    assert len(told()) == 1


async def test_the_log_lets_every_field_of_the_audit_through(told: Any) -> None:
    async with serving() as served, client(served.port) as one:
        await one.send(get("/peer/1"))
        await one.answer()
    names = set(vars(told()[0])) - set(vars(logging.makeLogRecord({}))) - {"message"}
    assert names == {
        *("method", "route", "status", "code", "key_id", "tenant", "variable", "request_id", "seconds", "address"),
    }
    assert names <= set(FIELDS)


async def test_requests_are_counted_by_route_method_and_status() -> None:
    async with serving() as served, client(served.port) as one:
        for path in ("/peer/1", "/peer/2", "/none"):
            await one.send(get(path))
            await one.answer()
    counted = {
        (route, status): served.registry.get_sample_value(
            "runtime_env_api_requests_total", {"route": route, "method": "GET", "status": status}
        )
        for route, status in (("/peer/{id}", "200"), ("", "404"))
    }
    assert counted == {("/peer/{id}", "200"): 2, ("", "404"): 1}
    assert served.registry.get_sample_value("runtime_env_api_request_seconds_count", {"route": "/peer/{id}"}) == 2
