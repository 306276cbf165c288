"""The cluster is restored from a backup, keeps what was deleted, or has another object in the place of ours."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import CLAIMANTS
from runtimeenv.cluster.kinds import NAMESPACES, RUNTIME_ENV_VARS
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Conflict, NotFound
from tests.builders import namespace, variable
from tests.unit.api.replicas import ACME, HOME, home, identity, scene, terminating

ID = identity().id
OWN = Ref(HOME, ID.replace("_", "-"))


def test_what_was_deleted_and_is_back_shows_again() -> None:
    catalog = Catalog()
    catalog.put_namespace(NAMESPACES.decode(msgspec.json.encode(home())))
    catalog.put_variable(CLAIMANTS.decode(msgspec.json.encode(variable(str(OWN), sealed="renv1."))))
    [found] = catalog.select(ACME)
    catalog.advanced("1000")
    catalog.hide(found.uid)
    catalog.advanced("1001")
    with pytest.raises(NotFound):
        catalog.find(ACME, found.id)
    catalog.advanced("10")
    assert catalog.find(ACME, found.id).uid == found.uid
    assert catalog._hidden == set()


@pytest.mark.virtual_time
async def test_what_a_user_put_in_the_place_of_a_created_object_is_not_taken_back() -> None:
    async with scene(home(), namespace("acme-blog", "acme")) as made:
        with made.cluster.faults.events_delayed():
            made.cluster.apply(variable("acme-blog/x", scope="tenant", sealed="renv1."))
            writing = asyncio.create_task(made.one.upsert())
            await asyncio.sleep(0.5)
            made.cluster.remove(RUNTIME_ENV_VARS, OWN)
            made.cluster.apply(variable(str(OWN), scope="tenant", sealed="renv1.theirs"))
        with pytest.raises(Conflict):
            await writing
        assert made.cluster.read(RUNTIME_ENV_VARS, OWN)["spec"]["sealedValue"] == "renv1.theirs"
        made.cluster.remove(RUNTIME_ENV_VARS, Ref("acme-blog", "x"))
        await asyncio.sleep(1)
        assert made.one.catalog.find(ACME, ID).ref == OWN


@pytest.mark.virtual_time
async def test_the_revision_of_a_delete_that_a_finalizer_holds_up_is_one_that_the_watch_tells() -> None:
    async with scene() as made:
        await made.one.upsert()
        delete = made.cluster.delete

        async def held_up(*_: object, **__: object) -> None:
            made.cluster.apply(terminating(made.cluster.read(RUNTIME_ENV_VARS, OWN)))
            made.cluster.apply(home("elsewhere", "globex"))  # moves the revision, but not the variables' one

        made.cluster.delete = held_up  # type: ignore[method-assign]
        revision = await made.one.delete(ID)
        made.cluster.delete = delete  # type: ignore[method-assign]
        assert revision == made.cluster.read(RUNTIME_ENV_VARS, OWN)["metadata"]["resourceVersion"]
        await made.other.catalog.reached("acme", int(revision))
        with pytest.raises(NotFound):
            made.other.catalog.find(ACME, ID)
