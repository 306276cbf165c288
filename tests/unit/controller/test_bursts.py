"""A RuntimeEnv under a burst of changes: its Secret follows at once, its costlier status when it is quiet again."""

from __future__ import annotations

import asyncio
from typing import Any

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


async def test_variables_that_arrive_together_are_written_together() -> None:
    tenants = ("a", "b", "c", "d")
    places = [manifest for t in tenants for manifest in (namespace(t, t), runtime_env(f"{t}/renv.sandbox"))]
    async with World(*places) as world:
        real = world.cluster.replace

        async def slow(manifest: Any, version: str | None) -> str:
            await asyncio.sleep(0.2)
            return await real(manifest, version)

        world.cluster.replace = slow  # type: ignore[method-assign]
        world.cluster.calls.clear()
        for n in range(40):
            for tenant in tenants:
                world.cluster.apply(sealed(f"{tenant}/x{n}", "v", f"N{n}", tenant=tenant))
        await world.settle(20)
        for tenant in tenants:
            assert len(world.env(f"{tenant}/renv.sandbox") or ()) == 40
            assert world.calls("replace").count(("secrets", f"{tenant}/renv.sandbox")) <= 2
            assert len(world.env_status(f"{tenant}/renv.sandbox")["variables"]) == 40
            assert all(world.reason(f"{tenant}/x{n}") == "Materialized" for n in range(40))


async def test_a_burst_without_an_end_delays_nobody_for_a_second() -> None:
    async with World(namespace("acme", "acme"), runtime_env(ENV)) as world:
        for n in range(30):
            world.cluster.apply(sealed(f"acme/x{n}", "v", f"N{n}"))
            await world.settle(0.1)
            if n >= 10:
                assert f"N{n - 10}" in (world.env(ENV) or {})
        await world.settle(15)
        assert {c.get("reason") for v in range(30) for c in world.status(f"acme/x{v}")["conditions"]} == {
            "Materialized"
        }
        assert len(world.env_status(ENV)["variables"]) == 30


async def test_a_tenant_waits_for_a_turn_of_its_neighbour_not_for_all_its_environments() -> None:
    many = [runtime_env(f"acme/renv.sandbox.w-w{n}", workspaceId=f"w{n}") for n in range(400)]
    places = [namespace("acme", "acme"), namespace("globex", "globex"), runtime_env("globex/renv.sandbox"), *many]
    async with World(*places, sealed("acme/a", "1"), sealed("globex/g", "1", tenant="globex")) as world:
        await world.settle(30)
        world.cluster.apply(sealed("acme/a", "2"))
        await world.settle(1)
        world.cluster.apply(sealed("globex/g", "2", tenant="globex"))
        await world.settle(1.2)
        assert world.env("globex/renv.sandbox") == {"TOKEN": "2"}
        left = [n for n in range(400) if world.env(f"acme/renv.sandbox.w-w{n}") == {"TOKEN": "1"}]
        assert left, "the neighbour's were still to be written"
