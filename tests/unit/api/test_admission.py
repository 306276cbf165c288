"""Who is let through to the endpoints, and how those are answered who are not."""

from __future__ import annotations

import pytest

from tests.unit.api.door import BASE, DRAFT, KEYS, door, named
from tests.unit.api.replicas import home

pytestmark = pytest.mark.virtual_time


async def test_a_key_that_may_only_read_reads() -> None:
    async with door() as ask:
        known = (await ask("POST", BASE, DRAFT)).item["id"]
        assert (await ask("GET", key="reader")).status == 200
        for method, path in (
            ("POST", BASE),
            ("PATCH", f"{BASE}/{known}"),
            ("PUT", BASE + "/x"),
            ("DELETE", BASE + "/x"),
        ):
            assert (await ask(method, path, {}, key="reader")).code == "FORBIDDEN"


async def test_a_limited_key_sees_and_writes_what_it_reaches() -> None:
    async with door() as ask:
        known = (await ask("POST", BASE, DRAFT)).item["id"]
        assert (await ask("GET", f"{BASE}/{known}", key="blog")).code == "NOT_FOUND"
        assert (await ask("POST", BASE, DRAFT, key="blog")).code == "FORBIDDEN"
        assert (await ask("POST", BASE, named("A", scope="project", project_id="blog"), key="blog")).status == 201
        assert [i["name"] for i in (await ask("GET", key="blog")).json["data"]] == ["A"]


async def test_another_tenants_ids_are_as_unknown_as_any() -> None:
    async with door(home(), home("other-home", "other")) as ask:
        known = (await ask("POST", BASE, DRAFT)).item["id"]
        for method, body in (("GET", None), ("PATCH", {}), ("PUT", {}), ("DELETE", None)):
            foreign = await ask(method, f"{BASE}/{known}", body, key="other")
            unknown = await ask(method, f"{BASE}/env_{'a' * 26}", body, key="other")
            assert (foreign.status, foreign.json["error"]) == (404, unknown.json["error"])


@pytest.mark.parametrize("key", [None, "revoked", "expired", "homeless"])
@pytest.mark.parametrize("scheme", ["", "Bearer", "Bearer msk_live_x", "Basic YTpi", "msk_live_x"])
async def test_without_a_good_key_every_endpoint_answers_alike(key: str | None, scheme: str) -> None:
    own = {"X-Request-Id": "same"} | ({} if key else {"Authorization": scheme})
    async with door() as ask:
        without = await ask("GET", key=None, headers={"X-Request-Id": "same"})
        for method, path in (("GET", BASE), ("POST", BASE), ("GET", BASE + "/x"), ("PATCH", BASE + "/x")):
            refused = await ask(method, path, b"{", key=key, headers=own)
            assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")
            assert refused.headers["www-authenticate"] == "Bearer"
            assert (refused.headers, refused.body) == (without.headers, without.body)


async def test_the_audit_trail_names_the_key_of_a_tenant_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "runtimeenv.api"):
        async with door() as ask:
            assert (await ask("GET", key="homeless")).status == 401
    [line] = [record.__dict__ for record in caplog.records if record.msg == "request"]
    assert (line["key_id"], line["tenant"], line["code"]) == (KEYS["homeless"].id, "nobody", "UNAUTHENTICATED")


async def test_two_keys_at_once_are_none() -> None:
    async with door() as ask:
        good = [(b"authorization", f"Bearer {KEYS['acme'].reveal()}".encode())]
        assert (await ask.ask("GET", BASE, "", good, b"")).status == 200
        assert (await ask.ask("GET", BASE, "", good * 2, b"")).status == 401


async def test_too_many_requests_are_told_when_to_come_back() -> None:
    async with door(rate=1) as ask:
        answers = [await ask("GET") for _ in range(6)]
        assert [a.status for a in answers[:2]] == [200, 200]
        assert (answers[-1].status, answers[-1].code) == (429, "RATE_LIMITED")
        assert answers[-1].json["error"]["retry_after"] >= 1
