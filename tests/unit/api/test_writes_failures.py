"""The cluster refuses, fails or goes away: what a write answers, and that nothing stays half-written."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.core.identity import Ref
from runtimeenv.errors import (
    Denied,
    Invalid,
    NoHome,
    Rejected,
    RuntimeEnvError,
    Stale,
    Unavailable,
)
from tests.unit.api.replicas import ACME, HOME, home, identity, scene, terminating

pytestmark = pytest.mark.virtual_time

ID = identity().id
OWN = Ref(HOME, ID.replace("_", "-"))


@pytest.mark.parametrize("verb", ["create", "get"])
async def test_without_the_api_server_nothing_is_written(verb: str) -> None:
    async with scene() as made:
        made.cluster.faults.fail(Unavailable(0, verb), verb=verb, kind="runtimeenvvars")  # type: ignore[arg-type]
        with pytest.raises(Unavailable):
            await made.one.upsert()
        assert made.variables() == []
        assert (await made.one.upsert()).created


async def test_what_stands_stays_where_a_patch_or_a_delete_fails() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        for verb, write in (("patch", made.one.update(ID, "new")), ("delete", made.one.delete(ID))):
            made.cluster.faults.fail(Unavailable(503, verb), verb=verb, kind="runtimeenvvars")  # type: ignore[arg-type]
            with pytest.raises(Unavailable):
                await write
        assert made.value(OWN) == "old"
        assert made.one.catalog.find(ACME, ID).ref == OWN


async def test_a_delete_that_went_through_is_told_even_if_the_cluster_goes_away_then() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        made.cluster.faults.fail(Unavailable(0, "list"), verb="list", kind="runtimeenvvars")
        with made.cluster.faults.events_delayed():
            assert (await made.one.delete(ID)).isdecimal()
        assert made.variables() == []


async def test_writes_that_wait_for_others_are_put_off_after_a_while() -> None:
    async with scene() as made:
        with made.cluster.faults.calls_delayed():
            first = asyncio.create_task(made.one.upsert("first"))
            await asyncio.sleep(1)
            with pytest.raises(Unavailable):
                await made.one.upsert("second")
        assert (await first).created
        assert (await made.one.upsert("third")).ready


async def test_a_few_conflicts_are_tried_again() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        for verb in ("patch", "delete"):
            made.cluster.faults.fail(Stale(409, verb), 7, verb=verb, kind="runtimeenvvars")
        assert (await made.one.update(ID, "new")).ready
        assert made.value(OWN) == "new"
        assert await made.one.delete(ID)


async def test_a_storm_of_conflicts_is_given_up_within_seconds() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        made.cluster.calls.clear()
        made.cluster.faults.fail(Stale(409, "patch"), 1000, verb="patch", kind="runtimeenvvars")
        started = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await made.one.update(ID, "new")
        assert len(made.cluster.writes()) == 8
        assert asyncio.get_running_loop().time() - started < 3


@pytest.mark.parametrize(
    ("status", "error"), [(403, Denied), (422, Invalid), (413, Invalid), (400, Invalid), (401, Unavailable)]
)
@pytest.mark.parametrize("verb", ["create", "patch"])
async def test_a_refusal_tells_an_operator_to_look_and_nothing_more(
    verb: str, status: int, error: type[RuntimeEnvError]
) -> None:
    async with scene() as made:
        if verb == "patch":
            await made.one.upsert("old")
        before = made.variables()
        refusal = Rejected(status, "create runtimeenvvars acme-home/x")
        made.cluster.faults.fail(refusal, verb=verb, kind="runtimeenvvars")  # type: ignore[arg-type]
        with pytest.raises(error) as refused:
            await made.one.upsert("new")
        assert made.variables() == before
        if error is not Unavailable:
            assert "operator" in str(refused.value)
            assert "acme" not in str(refused.value)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("status", [403, 404])
async def test_a_home_that_is_being_deleted_is_tried_again_later(status: int, known: bool) -> None:
    async with scene() as made:
        going = terminating(made.cluster.read(NAMESPACES, Ref("", HOME)))
        if known:
            made.cluster.apply(going)
            await asyncio.sleep(0.1)
        made.cluster.faults.fail(Rejected(status, "create"), verb="create", kind="runtimeenvvars")
        with made.cluster.faults.events_delayed():
            made.cluster.apply(going)
            with pytest.raises(Unavailable):
                await made.one.upsert()


async def test_a_home_that_is_gone_is_told() -> None:
    async with scene() as made:
        made.cluster.faults.fail(Rejected(404, "create"), verb="create", kind="runtimeenvvars")
        with made.cluster.faults.events_delayed():
            made.cluster.remove(NAMESPACES, Ref("", HOME))
            with pytest.raises(Unavailable):
                await made.one.upsert()
        await asyncio.sleep(0.1)
        with pytest.raises(NoHome):
            await made.one.upsert()


async def test_a_new_home_takes_over_from_one_that_is_being_deleted() -> None:
    async with scene(terminating(home()), home("new-home")) as made:
        assert (await made.one.upsert()).entry.ref.namespace == "new-home"


async def test_writes_work_again_once_the_watch_does() -> None:
    async with scene() as made:
        made.cluster.faults.fail(Unavailable(0, "list"), 12, verb="list", kind="runtimeenvvars")
        made.cluster.faults.fail(Unavailable(0, "watch"), 3, verb="watch", kind="runtimeenvvars")
        made.cluster.cut_watches()
        done = await made.one.upsert()
        assert (done.created, done.ready) == (True, False)
        with pytest.raises(Unavailable):
            await made.one.catalog.reached("acme")
        await asyncio.sleep(60)
        await made.one.catalog.reached("acme")
        assert made.one.catalog.winner(identity()) is not None
        assert (await made.one.update(ID, "new")).ready
