"""An etcd that was restored under a running controller: what stands is older than what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, at, sealed

pytestmark = pytest.mark.virtual_time

ENV = "acme/renv.sandbox"


async def test_a_variable_is_written_over_a_secret_that_is_older_than_the_known_one() -> None:
    async with World(namespace("acme", "acme"), runtime_env(ENV), sealed("acme/x", "v")) as world:
        index = world.replica.stages.index
        known = index.record(world.cluster.read(RUNTIME_ENV_VARS, at("acme/x"))["metadata"]["uid"])
        assert known is not None
        index.put(replace(known, version=10**6))
        await world.apply(sealed("acme/x", "v2"))
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.reason("acme/x") == "Materialized"
        assert world.status("acme/x")["observedGeneration"] == 2
