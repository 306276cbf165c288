"""Writes of several at once, and reads that follow them."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.core.identity import Project, Ref
from runtimeenv.errors import Conflict, NotFound, Unavailable
from tests.builders import namespace, variable
from tests.unit.api.replicas import ACME, HOME, Replica, home, identity, scene, terminating

pytestmark = pytest.mark.virtual_time

ID = identity().id
OWN = Ref(HOME, ID.replace("_", "-"))
ELSEWHERE = variable("acme-blog/x", scope="tenant", sealed="renv1.")


def shows(replica: Replica) -> bool:
    """Does a GET by id find the variable?"""
    try:
        return bool(replica.catalog.find(ACME, ID))
    except NotFound:
        return False


async def test_200_posts_at_once_over_two_replicas_leave_one_object_and_lose_none() -> None:
    async with scene() as made:
        replicas = (made.one, made.other)
        done = await asyncio.gather(*(replicas[n % 2].upsert(f"value {n}") for n in range(200)))
        found = made.variables()
    assert len(found) == 1
    assert [d.created for d in done].count(True) == 1
    assert found[0]["metadata"]["generation"] == 200
    assert all(d.ready for d in done)


async def test_the_value_of_the_last_of_many_posts_stays() -> None:
    async with scene() as made:
        await asyncio.gather(*(made.one.upsert(f"value {n}") for n in range(20)), made.other.upsert("theirs"))
        await made.other.upsert("last")
        assert made.value(OWN) == "last"


async def test_posts_of_two_replicas_create_once() -> None:
    async with scene() as made:
        done = await asyncio.gather(made.one.upsert("a"), made.other.upsert("b"))
        assert sorted(d.created for d in done) == [False, True]
        assert done[0].entry.uid == done[1].entry.uid


async def test_patches_at_once_of_different_fields_all_hold() -> None:
    async with scene() as made:
        await made.one.upsert("old", team="a")
        await asyncio.gather(
            made.one.update(ID, "new"), made.other.update(ID, enabled=False), made.one.update(ID, notes={"b": 1})
        )
        spec = made.cluster.read(RUNTIME_ENV_VARS, OWN)["spec"]
        assert (made.value(OWN), spec["enabled"], spec["metadata"]) == ("new", False, {"b": 1})


async def test_of_two_patches_with_one_etag_one_is_refused() -> None:
    async with scene() as made:
        shown = (await made.one.upsert("old")).entry.etag
        done = await asyncio.gather(
            made.one.update(ID, "a", matches=shown.__eq__),
            made.other.update(ID, "b", matches=shown.__eq__),
            return_exceptions=True,
        )
        assert sorted(type(d).__name__ for d in done) == ["Done", "PreconditionFailed"]


async def test_what_a_replica_wrote_it_reads_however_late_the_watch() -> None:
    async with scene() as made:
        with made.cluster.faults.events_delayed():
            done = await made.one.upsert()
            assert (done.ready, done.entry.item[:7]) == (False, b'{"id":"')
            reading = asyncio.create_task(made.one.catalog.reached("acme"))
            await asyncio.sleep(1)
            assert not reading.done()
        await reading
        assert made.one.catalog.find(ACME, ID).uid == done.entry.uid


async def test_a_read_that_would_miss_a_write_is_put_off_after_two_seconds() -> None:
    async with scene() as made:
        with made.cluster.faults.events_delayed():
            done = await made.one.upsert()
            for replica, revision in ((made.one, 0), (made.other, int(done.revision))):
                started = asyncio.get_running_loop().time()
                with pytest.raises(Unavailable):
                    await replica.catalog.reached("acme", revision)
                assert asyncio.get_running_loop().time() - started == pytest.approx(2)
            await made.one.catalog.reached("globex")
            await made.other.catalog.reached("acme")


async def test_another_replica_shows_a_write_by_its_revision() -> None:
    async with scene() as made:
        for value in ("one", "two"):
            done = await made.one.upsert(value)
            await made.other.catalog.reached("acme", int(done.revision))
            assert made.other.catalog.find(ACME, ID).item == done.entry.item


async def test_a_delete_is_hidden_at_once_and_its_revision_has_it_no_more() -> None:
    async with scene() as made:
        await made.one.upsert()
        with made.cluster.faults.events_delayed():
            revision = await made.one.delete(ID)
            assert (shows(made.one), shows(made.other)) == (False, True)
            reading = asyncio.create_task(made.other.catalog.reached("acme", int(revision)))
            await asyncio.sleep(1)
            assert not reading.done()
        await reading
        assert not shows(made.other)


async def test_a_post_right_after_a_delete_that_the_watch_has_not_told_creates() -> None:
    async with scene() as made:
        first = await made.one.upsert()
        with made.cluster.faults.events_delayed():
            await made.one.delete(ID)
            again = await made.one.upsert("new")
            assert again.created
        await made.one.catalog.reached("acme")
        assert made.one.catalog.find(ACME, ID).uid == again.entry.uid != first.entry.uid


async def test_an_older_claimant_that_comes_to_light_takes_a_created_object_back() -> None:
    async with scene(home(), namespace("acme-blog", "acme")) as made:
        with made.cluster.faults.events_delayed():
            made.cluster.apply(ELSEWHERE)
            writing = asyncio.create_task(made.one.upsert())
            await asyncio.sleep(0.5)
            assert len(made.variables()) == 2
        with pytest.raises(Conflict) as refused:
            await writing
        assert refused.value.winner == "acme-blog/x"
        assert [found["metadata"]["name"] for found in made.variables()] == ["x"]


async def test_a_client_that_goes_leaves_nothing_half_done() -> None:
    async with scene(home(), namespace("acme-blog", "acme")) as made:
        with made.cluster.faults.events_delayed():
            made.cluster.apply(ELSEWHERE)
            writing = asyncio.create_task(made.one.upsert())
            await asyncio.sleep(0.5)
            writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await asyncio.sleep(1)
        assert [found["metadata"]["name"] for found in made.variables()] == ["x"]
        assert not len(made.one.writes._finishing)


async def test_a_write_whose_client_goes_between_read_and_write_is_written() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        with made.cluster.faults.calls_delayed():
            writing = asyncio.create_task(made.one.update(ID, "new"))
            await asyncio.sleep(0.1)
            writing.cancel()
        await asyncio.sleep(1)
        assert made.value(OWN) == "new"


async def test_a_claimant_that_the_controller_still_takes_for_a_rival_is_waited_for() -> None:
    async with scene() as made:
        made.controller.reasons[OWN.name] = "Conflict"
        writing = asyncio.create_task(made.one.upsert())
        await asyncio.sleep(1)
        assert not writing.done()
        del made.controller.reasons[OWN.name]
        made.controller.judge(OWN)
        assert (await writing).ready


async def test_a_variable_that_is_being_deleted_shows_no_more_and_takes_no_writes() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        made.cluster.apply(terminating(made.cluster.read(RUNTIME_ENV_VARS, OWN)))
        await asyncio.sleep(0.1)
        assert not shows(made.one)
        with pytest.raises(Unavailable):
            await made.one.upsert("new")
        with pytest.raises(NotFound):
            await made.one.update(ID, "new")
        made.cluster.remove(RUNTIME_ENV_VARS, OWN)
        assert (await made.one.upsert("new")).created


async def test_what_kubectl_writes_shows_and_is_not_undone() -> None:
    async with scene(home(), namespace("acme-blog", "acme", project="blog")) as made:
        await made.one.upsert("old", team="a")
        found = made.cluster.read(RUNTIME_ENV_VARS, OWN)
        made.cluster.apply({**found, "spec": {**found["spec"], "enabled": False}})
        project = variable("acme-blog/p", scope="project", projectId="blog", sealed="renv1.")
        made.cluster.apply(project)
        await asyncio.sleep(0.1)
        assert made.one.catalog.find(ACME, ID).enabled is False
        assert made.one.catalog.find(ACME, identity("TOKEN", Project("acme", "blog")).id).ref.name == "p"
        assert (await made.one.update(ID, "new")).entry.enabled is False
