"""What the REST API writes, against a real API server and controller."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.core import names
from runtimeenv.core.values import Plaintext
from runtimeenv.errors import PreconditionFailed
from tests.cluster.api_replicas import LONG, Replica, kubectl, seen
from tests.cluster.homes import Home


async def test_what_is_posted_is_ready_and_reaches_pods(home: Home, one: Replica) -> None:
    await asyncio.to_thread(home.apply, home.environment())
    done = await one.upsert("GREETING", LONG, owner="me")
    assert (done.created, done.ready, done.entry.preview) == (True, True, "sk-ant...ghij")
    await asyncio.to_thread(home.holds, {"GREETING": LONG})
    stored = await asyncio.to_thread(home.get, f"rvar/{done.entry.ref.name}")
    assert stored["status"]["id"] == done.entry.id
    assert stored["spec"]["metadata"] == {"owner": "me"}
    assert stored["metadata"]["annotations"] == {names.API_KEY_ANNOTATION: one.bearer.key_id}


async def test_200_posts_at_once_over_two_replicas_leave_one_object_with_the_last_value(
    home: Home, replicas: tuple[Replica, Replica]
) -> None:
    await asyncio.to_thread(home.apply, home.environment())
    done = await asyncio.gather(*(replicas[n % 2].upsert("TOKEN", f"value {n}") for n in range(200)))
    assert [d.created for d in done].count(True) == 1
    assert len({d.entry.uid for d in done}) == 1
    last = await replicas[0].upsert("TOKEN", "the last")
    assert (last.ready, last.entry.generation) == (True, 201)
    await asyncio.to_thread(home.holds, {"TOKEN": "the last"})
    assert len(await asyncio.to_thread(home.items, "rvar")) == 1


async def test_what_one_replica_writes_the_other_shows_at_its_revision(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    for value in ("a", "b"):
        done = await one.upsert("TOKEN", value)
        await other.until(done.revision)
        assert other.catalog.find(other.bearer, done.entry.id).item == done.entry.item
    revision = await other.delete(done.entry.id)
    await one.until(revision)
    assert one.shown() == other.shown() == []


async def test_what_kubectl_writes_shows_and_the_reverse(home: Home, one: Replica) -> None:
    await asyncio.to_thread(home.apply, home.variable("greeting", value="hello"))
    await asyncio.to_thread(home.ready, "greeting")
    await seen(one, home)
    id_ = one.identity("GREETING").id
    assert (one.catalog.find(one.bearer, id_).state, one.shown()) == ("ready", ["GREETING"])
    done = await one.update(id_, enabled=False)
    assert (done.ready, done.entry.reason) == (True, "Disabled")
    columns = "jsonpath={.spec.enabled} {.status.conditions[?(@.type=='Ready')].reason}"
    assert await kubectl(home, "get", "rvar/greeting", "-o", columns) == "false Disabled"
    again = await one.upsert("GREETING", "new")
    assert (again.created, again.entry.ref.name, again.entry.enabled) == (False, "greeting", True)


async def test_a_value_takes_the_place_of_a_reference_to_a_secret(home: Home, one: Replica) -> None:
    reference = {"secretKeyRef": {"name": "keys", "key": "a"}}
    await asyncio.to_thread(
        home.apply, home.environment(), home.source({"a": "old"}), home.variable("greeting", valueFrom=reference)
    )
    await asyncio.to_thread(home.ready, "greeting")
    await seen(one, home)
    assert (await one.update(one.identity("GREETING").id, value=Plaintext("new"))).ready
    await asyncio.to_thread(home.holds, {"GREETING": "new"})


async def test_a_patch_holds_at_the_state_that_if_match_names_only(home: Home, one: Replica) -> None:
    first = await one.upsert("TOKEN", "a")
    await kubectl(home, "patch", f"rvar/{first.entry.ref.name}", "--type=merge", "-p", '{"spec":{"enabled":false}}')
    with pytest.raises(PreconditionFailed):
        await one.update(first.entry.id, value=Plaintext("b"), matches=first.entry.etag.__eq__)
    # The ETag is of what the API shows: it moves once more when the controller has seen the change.
    await asyncio.to_thread(home.until, f"rvar/{first.entry.ref.name}", "Disabled")
    await seen(one, home)
    shown = one.catalog.find(one.bearer, first.entry.id).etag
    done = await one.update(first.entry.id, notes={"a": 1}, matches=lambda etag: etag in (shown, first.entry.etag))
    assert (done.entry.enabled, done.entry.notes) == (False, {"a": 1})


async def test_a_patch_with_nothing_to_change_moves_nothing(one: Replica) -> None:
    first = await one.upsert("TOKEN", "a", owner="me")
    done = await one.update(first.entry.id, enabled=True, notes={"owner": "me"})
    assert done.entry.version == first.entry.version
