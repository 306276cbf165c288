"""Stage 1, and through it what pods receive: each claim over a whole controller and a FakeCluster."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, SECRETS
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))


async def test_a_variable_costs_two_writes_and_no_read() -> None:
    async with World(*ACME) as world:
        world.cluster.calls.clear()
        await world.apply(sealed("acme/x", "v"))
        own = [(c.verb, c.kind) for c in world.cluster.calls if c.ref.name not in ("renv.sandbox", "")]
        assert own == [("create", "secrets"), ("patch", "runtimeenvvars")]
        assert not world.calls("list")
        assert world.reason("acme/x") == "Materialized"
        assert world.env("acme/renv.sandbox") == {"TOKEN": "v"}


async def test_a_restart_writes_nothing() -> None:
    async with World(*ACME, sealed("acme/x", "v"), sealed("acme/y", "w", "OTHER")) as world:
        await world.restart()
        assert not world.cluster.writes()
        assert not world.calls("get")


async def test_a_changed_value_reaches_the_environment_before_ready() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.apply(sealed("acme/x", "v2"))
        assert world.env("acme/renv.sandbox") == {"TOKEN": "v2"}
        assert world.status("acme/x")["observedGeneration"] == 2


async def test_a_deleted_variable_leaves_nothing_behind() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        rvar = world.rvar("acme/x")
        world.cluster.remove(RUNTIME_ENV_VARS, world.replica.stages.census.of_namespace("acme")[0][0])
        await world.settle()
        assert world.env("acme/renv.sandbox") == {}
        assert rvar not in {
            f"{s['metadata']['namespace']}/{s['metadata']['name']}" for s in world.cluster.store.all(SECRETS)
        }
