"""What another hand does to the Secrets that pods reference, and how they are put right."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENVS, SECRETS
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Rejected
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, at, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"


async def test_a_wiped_environment_is_restored() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.remove(SECRETS, ENV)
        assert world.env(ENV) == {"TOKEN": "v"}
        await world.restart(meanwhile=lambda: world.cluster.remove(SECRETS, at(ENV)))
        assert world.env(ENV) == {"TOKEN": "v"}


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("entries", [{"TOKEN": b"v", "FOREIGN": b"x"}, {"TOKEN": b"x"}, {}])
async def test_foreign_content_in_an_environment_is_removed(entries: dict[str, bytes], down: bool) -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        if down:
            await world.restart(meanwhile=lambda: world.overwrite(ENV, entries))
        else:
            world.overwrite(ENV, entries)
            await world.settle()
        assert world.env(ENV) == {"TOKEN": "v"}
        assert (
            world.env_status(ENV)["secretVersion"]
            == world.cluster.read(SECRETS, at(ENV))["metadata"]["resourceVersion"]
        )


@pytest.mark.parametrize("fault", ["type", "owner"])
@pytest.mark.parametrize("down", [False, True])
async def test_an_environment_of_a_wrong_type_or_owner_is_made_again(fault: str, down: bool) -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        found = world.cluster.read(SECRETS, at(ENV))

        def tamper() -> None:
            world.cluster.remove(SECRETS, at(ENV))
            if fault == "type":
                world.cluster.apply({**found, "type": "Opaque"})
            else:
                owner = {**found["metadata"]["ownerReferences"][0], "uid": "another"}
                world.cluster.apply({**found, "metadata": {**found["metadata"], "ownerReferences": [owner]}})

        if down:
            await world.restart(meanwhile=tamper)
        else:
            tamper()
        await world.settle(5)
        after = world.cluster.read(SECRETS, at(ENV))
        assert after["type"] == names.ENV_TYPE
        assert after["metadata"]["ownerReferences"] == found["metadata"]["ownerReferences"]
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_a_finalizer_keeps_no_former_content_in_an_environment_made_again() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        real = world.cluster.delete

        async def held(kind: Any, ref: Ref, **how: Any) -> None:
            found = world.cluster.store.get(kind, ref)
            if found is None or "finalizers" not in found["metadata"]:
                await real(kind, ref, **how)  # else it is only marked

        def tamper() -> None:
            found = world.cluster.read(SECRETS, at(ENV))
            world.cluster.apply({**found, "metadata": {**found["metadata"], "finalizers": ["example.com/held"]}})
            world.cluster.remove(RUNTIME_ENVS, at(ENV))
            world.cluster.apply(runtime_env(ENV))
            world.cluster.apply(sealed("acme/x", "v2"))

        world.cluster.delete = held  # type: ignore[method-assign]
        await world.restart(meanwhile=tamper)
        await world.settle(5)
        assert world.env(ENV) == {"TOKEN": "v2"}
        metadata = world.cluster.read(SECRETS, at(ENV))["metadata"]
        assert "finalizers" not in metadata
        assert metadata["ownerReferences"][0]["uid"] == world.cluster.read(RUNTIME_ENVS, at(ENV))["metadata"]["uid"]


async def test_an_immutable_environment_is_made_again() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        world.cluster.faults.fail(Rejected(422, "replace"), kind="secrets", verb="replace", after=1)
        await world.apply(sealed("acme/x", "v2"))
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.reason("acme/x") == "Materialized"


async def test_an_environment_without_its_runtimeenv_goes() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.restart(meanwhile=lambda: world.cluster.remove(RUNTIME_ENVS, at(ENV)))
        assert world.env(ENV) is None
