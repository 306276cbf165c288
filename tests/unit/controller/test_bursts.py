"""A RuntimeEnv under a burst of changes: its Secret follows at once, its costlier status when it is quiet again."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import SECRETS
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, at, sealed

pytestmark = pytest.mark.virtual_time

ENV = "acme/renv.sandbox"


async def test_a_burst_is_told_in_a_few_statuses_and_the_last_one_tells_all() -> None:
    async with World(namespace("acme", "acme"), runtime_env(ENV)) as world:
        world.cluster.calls.clear()
        for n in range(20):
            world.cluster.apply(sealed(f"acme/x{n}", "v", f"N{n}"))
            await world.settle(0.9)
            assert f"N{n}" in (world.env(ENV) or {}), "the Secret does not wait for the status"
        told = world.calls("patch").count(("runtimeenvs", ENV))
        assert 1 <= told < 10
        await world.settle(6)
        status = world.env_status(ENV)
        secret = world.cluster.store.get(SECRETS, at(ENV))
        assert len(status["variables"]) == 20
        assert secret is not None
        assert status["secretVersion"] == secret["metadata"]["resourceVersion"]
