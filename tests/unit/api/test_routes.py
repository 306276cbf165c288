"""The six endpoints over a fake cluster: what each answers, to whom."""

from __future__ import annotations

from typing import Any, cast

import pytest

from runtimeenv.core.identity import Ref
from runtimeenv.core.values import MASK
from runtimeenv.errors import Unavailable
from tests.builders import variable
from tests.unit.api.door import BASE, DRAFT, door, named
from tests.unit.api.replicas import HOME, home

pytestmark = pytest.mark.virtual_time


async def test_a_post_creates_then_updates() -> None:
    async with door() as ask:
        first, second = await ask("POST", BASE, DRAFT), await ask("POST", BASE, {**DRAFT, "enabled": False})
    assert (first.status, second.status) == (201, 200)
    assert (first.item["id"], first.item["enabled"]) == (second.item["id"], True)
    assert second.item["enabled"] is False
    assert {**first.item, "preview": ""} == {
        "id": first.item["id"],
        "tenant_id": "acme",
        "workspace_id": "ws_123",
        "project_id": None,
        "scope": "workspace",
        "target": "sandbox",
        "name": "ANTHROPIC_API_KEY",
        "preview": "",
        "enabled": True,
        "metadata": {"provider": "anthropic"},
        "created_at": first.item["created_at"],
        "updated_at": "2026-11-24T12:00:00Z",
    }


async def test_a_write_answers_when_it_is_ready_and_says_so() -> None:
    async with door() as ask:
        written = await ask("POST", BASE, DRAFT)
        assert written.headers["runtime-env-ready"] == "true"
        ask.made.controller.at_work = False
        late = await ask("PATCH", f"{BASE}/{written.item['id']}", {"value": "new"})
        assert (late.headers["runtime-env-ready"], late.item["preview"]) == ("false", MASK)
        shown = await ask("GET", f"{BASE}/{late.item['id']}", headers={"Runtime-Env-Revision": "1"})
        assert (shown.item, shown.headers["etag"]) == (late.item, late.headers["etag"])


async def test_a_variable_is_fetched_by_id_and_not_again_in_the_same_state() -> None:
    async with door() as ask:
        written = await ask("POST", BASE, DRAFT)
        path = f"{BASE}/{written.item['id']}"
        shown = await ask("GET", path)
        assert (shown.status, shown.item) == (200, written.item)
        again = await ask("GET", path, headers={"If-None-Match": shown.headers["etag"]})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", shown.headers["etag"])
        changed = await ask("PATCH", path, {"metadata": {}})
        assert (await ask("GET", path, headers={"If-None-Match": shown.headers["etag"]})).item == changed.item


async def test_a_put_resets_what_is_left_out_but_not_the_value() -> None:
    async with door() as ask:
        written = await ask("POST", BASE, {**DRAFT, "enabled": False})
        path = f"{BASE}/{written.item['id']}"
        put = await ask("PUT", path, {"name": DRAFT["name"]})
        assert (put.status, put.item["enabled"], put.item["metadata"]) == (200, True, {})
        assert ask.made.variables()[0]["spec"]["sealedValue"]
        patched = await ask("PATCH", path, {"enabled": False})
        assert (patched.item["enabled"], patched.item["metadata"]) == (False, {})


async def test_a_deleted_variable_is_gone() -> None:
    async with door() as ask:
        known = (await ask("POST", BASE, DRAFT)).item["id"]
        gone = await ask("DELETE", f"{BASE}/{known}")
        assert (gone.status, gone.json) == (200, {"ok": True, "id": known})
        assert int(gone.headers["runtime-env-revision"]) > 0
        assert (await ask("GET", f"{BASE}/{known}")).code == "NOT_FOUND"
        assert (await ask("DELETE", f"{BASE}/{known}")).status == 404
        assert (await ask("GET")).json == {"data": []}


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_a_write_to_another_state_than_the_named_is_refused(method: str) -> None:
    async with door() as ask:
        written = await ask("POST", BASE, DRAFT)
        path = f"{BASE}/{written.item['id']}"
        body: object = None if method == "DELETE" else {}
        stale = await ask(method, path, body, headers={"If-Match": '"0123"'})
        assert (stale.status, stale.code) == (412, "PRECONDITION_FAILED")
        weak = await ask(method, path, body, headers={"If-Match": f"W/{written.headers['etag']}"})
        assert weak.status == 412
        good = await ask(method, path, body, headers={"If-Match": f'"x", {written.headers["etag"]}'})
        assert good.status == 200


async def test_the_list_is_filtered_sorted_and_paged() -> None:
    async with door() as ask:
        for draft in (DRAFT, named("B"), named("A", target="agent"), named("A", scope="project", project_id="blog")):
            assert (await ask("POST", BASE, draft)).status == 201
        everything = (await ask("GET")).json
        assert [(i["name"], i["scope"], i["target"]) for i in everything["data"]] == [
            ("A", "project", "all"),
            ("A", "tenant", "agent"),
            ("ANTHROPIC_API_KEY", "workspace", "sandbox"),
            ("B", "tenant", "all"),
        ]
        assert [*everything] == ["data"]
        filtered = await ask("GET", query="scope=workspace&workspace_id=ws_123&target=sandbox")
        assert filtered.json["data"] == everything["data"][2:3]
        first = (await ask("GET", query="limit=3")).json
        rest = (await ask("GET", query=f"limit=3&cursor={first['next_cursor']}")).json
        assert first["data"] + rest["data"] == everything["data"]
        assert "next_cursor" not in rest


async def test_an_identity_that_lives_elsewhere_is_a_conflict_that_names_it() -> None:
    elsewhere = variable("acme-apps/by-hand", "TOKEN", "renv1.xwing.0.0")
    async with door(home(), home("acme-apps"), elsewhere) as ask:
        homeless = await ask("POST", BASE, named("OTHER"))
        assert (homeless.status, "2 home namespaces" in homeless.json["error"]["message"]) == (409, True)
    async with door(home(), _apps(), elsewhere) as ask:
        posted = await ask("POST", BASE, named("TOKEN"))
        assert (posted.status, posted.code) == (409, "CONFLICT")
        assert "acme-apps/by-hand" in posted.json["error"]["message"]
        [shown] = (await ask("GET")).json["data"]
        assert (await ask("DELETE", f"{BASE}/{shown['id']}")).status == 409


def _apps() -> dict[str, Any]:
    made = home("acme-apps")
    made["metadata"]["labels"].pop("runtime.miosa.ai/home")
    return made


async def test_a_read_states_its_age_once_the_cluster_is_away() -> None:
    async with door() as ask:
        known = (await ask("POST", BASE, DRAFT)).item["id"]
        for age, stated in ((5.0, None), (5.5, "5"), (61.9, "61")):
            ask.age = age
            for path in (BASE, f"{BASE}/{known}"):
                assert (await ask("GET", path)).headers.get("runtime-env-age") == stated


async def test_a_write_fails_with_a_time_to_come_back_while_the_cluster_is_away() -> None:
    async with door() as ask:
        ask.made.cluster.faults.fail(Unavailable(503, "get"), times=99, verb="get")
        for method, path in (("POST", BASE),):
            failed = await ask(method, path, DRAFT)
            assert (failed.status, failed.code, failed.json["error"]["retry_after"]) == (503, "UNAVAILABLE", 1)


async def test_a_revision_that_is_not_there_yet_is_waited_for_in_vain() -> None:
    async with door() as ask:
        for path in (BASE, f"{BASE}/env_{'a' * 26}"):
            early = await ask("GET", path, headers={"Runtime-Env-Revision": "99999"})
            assert (early.status, early.json["error"]["retry_after"]) == (503, 1)
            wrong = await ask("GET", path, headers={"Runtime-Env-Revision": "1.5"})
            assert (wrong.status, wrong.fields) == (422, ["Runtime-Env-Revision"])


async def test_what_is_made_with_kubectl_shows() -> None:
    async with door() as ask:
        ask.made.cluster.apply(variable(f"{HOME}/by-hand", "BY_HAND", "renv1.xwing.0.0"))
        revision = str(ask.made.cluster.store.version)
        shown = await ask("GET", headers={"Runtime-Env-Revision": revision})
        assert [i["name"] for i in shown.json["data"]] == ["BY_HAND"]
        assert ask.made.one.catalog.at(Ref(HOME, "by-hand"))


async def test_a_fault_of_ours_tells_the_client_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async with door() as ask:
        await ask("POST", BASE, DRAFT)
        cast(Any, ask).age = "canary-7d21"  # no number: whatever compares it raises
        answer = await ask("GET", BASE)
        assert (answer.status, answer.code) == (500, "INTERNAL")
        assert answer.json["error"]["message"] == "Something went wrong here; the request id finds it in the log."
        assert (await ask("GET", BASE, key=None)).status == 401, "it goes on"
    told = [record for record in caplog.records if record.msg == "request failed"]
    assert [record.__dict__["request_id"] for record in told] == [answer.headers["x-request-id"]]
