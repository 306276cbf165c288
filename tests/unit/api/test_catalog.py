"""What reads find in the catalog."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from runtimeenv.api.catalog import Catalog, Selection
from runtimeenv.api.claimants import CLAIMANTS, Claimant
from runtimeenv.api.items import many
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.core.identity import scope_fields
from runtimeenv.core.values import MASK
from runtimeenv.errors import NotFound, Unavailable
from tests.builders import Manifest, namespace, variable
from tests.unit.api.replicas import ACME, bearer, home, identity, settled

pytestmark = pytest.mark.virtual_time


def read(manifest: Manifest, version: int = 1, generation: int = 1) -> Claimant:
    """A variable as the watch tells it."""
    meta = {"uid": manifest["metadata"]["name"], "resourceVersion": str(version), "generation": generation}
    stamped = {"creationTimestamp": "2026-01-01T00:00:00Z", **manifest["metadata"], **meta}
    return CLAIMANTS.decode(msgspec.json.encode({**manifest, "metadata": stamped}))


def catalog(*variables: Manifest) -> Catalog:
    """A catalog of the namespaces acme-home and globex-home, with these variables."""
    made = Catalog()
    for place in (home(), home("globex-home", "globex")):
        made.put_namespace(NAMESPACES.decode(msgspec.json.encode(place)))
    for manifest in variables:
        made.put_variable(read(manifest))
    return made


MANY = catalog(
    variable("acme-home/t", "B"),
    variable("acme-home/t2", "A", target="sandbox"),
    variable("acme-home/t1", "A"),
    variable("acme-home/w1", "A", scope="workspace", workspaceId="ws_1"),
    variable("acme-home/w2", "A", scope="workspace", workspaceId="ws_2", target="agent"),
    variable("acme-home/p1", "A", scope="project", projectId="blog"),
    variable("globex-home/g", "A"),
)


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, ["p1", "t1", "t2", "w1", "w2", "t"]),
        ({"scope": "tenant"}, ["t1", "t2", "t"]),
        ({"scope": "workspace"}, ["w1", "w2"]),
        ({"scope": "workspace", "workspace_id": "ws_1"}, ["w1"]),
        ({"scope": "workspace", "workspace_id": "ws_3"}, []),
        ({"workspace_id": "ws_2"}, ["w2"]),
        ({"scope": "project", "project_id": "blog"}, ["p1"]),
        ({"target": "all"}, ["p1", "t1", "w1", "t"]),
        ({"scope": "tenant", "target": "sandbox"}, ["t2"]),
    ],
)
def test_a_list_is_sorted_and_filters_are_exact(selection: dict[str, str], found: list[str]) -> None:
    assert [e.ref.name for e in MANY.select(ACME, Selection(**selection))] == found


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"scopes": frozenset({"tenant", "project"})}, ["p1", "t1", "t2", "t"]),
        ({"scopes": frozenset({"workspace"}), "workspaces": frozenset({"ws_2"})}, ["w2"]),
    ],
)
def test_a_list_leaves_out_what_the_key_may_not_reach(limits: dict[str, Any], found: list[str]) -> None:
    limited = bearer(**limits)
    assert [e.ref.name for e in MANY.select(limited)] == found
    for entry in MANY.select(ACME):
        if entry.ref.name not in found:
            with pytest.raises(NotFound):
                MANY.find(limited, entry.id)


def test_a_tenant_without_variables_has_an_empty_list() -> None:
    assert MANY.select(bearer("nobody")) == []
    assert not MANY.knows_tenant("nobody")


def test_a_list_that_was_handed_out_stays_as_it_was() -> None:
    made = catalog(variable("acme-home/a"))
    shown = made.select(ACME)
    made.remove_variable(read(variable("acme-home/a")))
    assert len(shown) == 1


def test_the_whole_list_follows_every_change_and_is_for_unlimited_keys_alone() -> None:
    made = catalog(variable("acme-home/a", "A"), variable("acme-home/b", "B"))

    def listed() -> list[Any]:
        body = made.whole(ACME)
        assert body == many([e.item for e in made.select(ACME)], None)
        return [item["name"] for item in msgspec.json.decode(body)["data"]]

    assert listed() == ["A", "B"]
    made.put_variable(read(variable("acme-home/a", "A", enabled=False), version=2, generation=2))
    assert listed() == ["A", "B"]
    made.put_variable(read(variable("acme-home/c", "C")))
    made.hide("b")
    assert listed() == ["A", "C"]
    made.remove_variable(read(variable("acme-home/a", "A")))
    assert listed() == ["C"]
    assert made.whole(bearer(workspaces=frozenset({"ws_1"}))) is None


def test_the_sealed_text_is_not_even_kept() -> None:
    found = read(variable("acme-home/a", sealed="renv1.canary", valueFrom={"secretKeyRef": {"name": "canary"}}))
    assert "canary" not in str(msgspec.structs.asdict(found.spec))
    assert repr(found) == "Claimant(acme-home/a)"


def status(reason: Any = "Materialized", generation: int = 1) -> dict[str, Any]:
    return settled({"metadata": {"generation": generation}}, reason)


def test_what_the_controller_says_counts_at_the_present_generation_only() -> None:
    made = catalog()
    for generation, shown in ((1, ("ready", "seen 1")), (2, ("pending", MASK))):
        manifest = {**variable("acme-home/a"), "status": status(generation=1)}
        made.put_variable(read(manifest, generation, generation))
        entry = made.find(ACME, identity().id)
        assert (entry.state, entry.preview) == shown


@pytest.mark.parametrize(
    ("reason", "state"),
    [("Materialized", "ready"), ("Disabled", "ready"), ("Propagating", "pending"), ("SourceMissing", "stalled")],
)
def test_a_state_follows_from_the_condition_that_is_true(reason: str, state: str) -> None:
    made = catalog({**variable("acme-home/a"), "status": status(reason)})
    entry = made.find(ACME, identity().id)
    assert (entry.state, entry.reason) == (state, reason)


def test_times_are_those_of_the_object_and_of_the_controller() -> None:
    (new,) = catalog(variable("acme-home/a")).select(ACME)
    assert (new.created, new.updated) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    (seen,) = catalog({**variable("acme-home/a"), "status": status()}).select(ACME)
    assert seen.updated == "2026-11-24T12:00:00.000000Z"


def test_an_etag_tells_every_state_from_another_and_outlives_the_process() -> None:
    plain = variable("acme-home/a")
    states = [
        read(plain),
        read(plain, generation=2),
        read({**plain, "status": status()}),
        read(variable("acme-home/a", enabled=False)),
        read(variable("acme-home/a", metadata={"a": 1})),
        read(variable("acme-home/b")),
    ]
    tags = [catalog().entry(found).etag for found in states]  # type: ignore[union-attr]
    assert len(set(tags)) == len(states)
    assert catalog().entry(read(plain, version=9)).etag == tags[0]  # type: ignore[union-attr]
    assert all(tag.strip('"').isalnum() and len(tag) == 34 for tag in tags)


def test_of_several_claimants_the_oldest_shows_until_it_goes() -> None:
    older = variable("acme-home/z")
    older["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
    made = catalog(variable("acme-home/a"), older, variable("acme-home/b"))
    for name in ("z", "a", "b"):
        assert made.find(ACME, identity().id).ref.name == name
        made.remove_variable(read(variable(f"acme-home/{name}")))
    with pytest.raises(NotFound):
        made.find(ACME, identity().id)


def test_what_was_deleted_stays_hidden_whatever_the_watch_still_tells_and_claims_until_it_is_gone() -> None:
    younger = variable("acme-home/b")
    younger["metadata"]["creationTimestamp"] = "2027-01-01T00:00:00Z"
    made = catalog(variable("acme-home/a"), younger)
    made.hide("a")
    made.put_variable(read({**variable("acme-home/a"), "status": status()}, 2))
    with pytest.raises(NotFound):
        made.find(ACME, identity().id)
    made.remove_variable(read(variable("acme-home/a")))
    assert made.find(ACME, identity().id).ref.name == "b"


def test_a_namespace_that_is_enrolled_anew_takes_its_variables_along() -> None:
    made = catalog(variable("acme-home/a", scope="project", projectId="blog"), variable("acme-home/b"))
    for manifest, acme, globex in (
        (namespace("acme-home", "acme", project="blog"), 1, 0),
        (namespace("acme-home", "globex"), 0, 2),
        (namespace("acme-home"), 0, 0),
        (home(), 2, 0),
    ):
        made.put_namespace(NAMESPACES.decode(msgspec.json.encode(manifest)))
        assert (len(made.select(ACME)), len(made.select(bearer("globex")))) == (acme, globex)
        ids = {scope_fields(e.identity.layer.scope)[1] for e in (*made.select(ACME), *made.select(bearer("globex")))}
        assert len(ids) <= 1


async def test_reads_wait_for_the_revision_that_they_name() -> None:
    made = catalog()
    made.advanced("10")
    await made.reached("acme", 10)
    waiting = [asyncio.create_task(made.reached("acme", revision)) for revision in (11, 12)]
    await asyncio.sleep(1)
    made.advanced("11")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, False]
    with pytest.raises(Unavailable):
        await waiting[1]


async def test_reads_wait_for_the_newest_own_write_of_their_tenant_alone() -> None:
    made = catalog()
    made.advanced("10")
    for version in (12, 11, 9):
        made.expect("acme", version)
    await made.reached("globex")
    with pytest.raises(Unavailable):
        await made.reached("acme")
    made.advanced("12")
    await made.reached("acme")
    assert made._unseen == {}


async def test_after_a_restore_of_the_cluster_nobody_waits_for_what_never_comes() -> None:
    made = catalog()
    made.advanced("1000")
    made.expect("acme", 1001)
    made.advanced("10")
    await made.reached("acme")


async def test_200_waiters_for_one_variable_are_woken_once_it_settles() -> None:
    made = catalog(variable("acme-home/a"))
    waiting = [asyncio.create_task(made.settled("a", 1 + n % 2, 60)) for n in range(200)]
    await asyncio.sleep(1)
    made.put_variable(read({**variable("acme-home/a"), "status": status()}, 2))
    await asyncio.sleep(1)
    assert [task.done() for task in waiting] == [True, False] * 100
    made.remove_variable(read(variable("acme-home/a")))
    assert all(await asyncio.gather(*waiting))
    assert made._settling == {}
