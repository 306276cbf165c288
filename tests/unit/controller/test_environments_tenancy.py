"""What RuntimeEnvs may hold: their namespace decides, whatever they ask for."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENVS, SECRETS
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, at, sealed, sizes

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"


async def test_an_environment_outside_a_tenant_holds_nothing() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.apply(namespace("acme"))
        assert world.env(ENV) is None
        assert (world.env_reason(ENV), world.reason("acme/x")) == ("NotEnrolled", "NotEnrolled")
        assert world.encrypted("acme/x") is None
        await world.apply(namespace("acme", "acme"))
        assert world.env(ENV) == {"TOKEN": "v"}
        assert (world.env_reason(ENV), world.reason("acme/x")) == ("Materialized", "Materialized")


async def test_a_namespace_that_is_enrolled_late_is_materialized_whole() -> None:
    found = [sealed(f"acme/x{n}", "v", f"N{n}") for n in range(20)]
    async with World(namespace("acme"), runtime_env(ENV), *found) as world:
        await world.apply(namespace("acme", "acme"))
        assert sizes(world, ENV) == [20]


async def test_a_namespace_of_another_tenant_gets_nothing_of_the_first() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.apply(namespace("acme", "globex"))
        assert world.reason("acme/x") == "TenantMismatch"
        assert world.status("acme/x")["tenantId"] == "acme"
        assert world.env(ENV) == {}
        assert world.encrypted("acme/x") is None
        await world.restart()
        assert not world.cluster.writes()


async def test_a_scope_that_the_namespace_may_not_define_is_a_mismatch() -> None:
    async with World(*ACME, namespace("ws", "acme", "w1"), sealed("ws/x", "v")) as world:
        assert world.reason("ws/x") == "TenantMismatch"
        assert world.env(ENV) == {}


@pytest.mark.parametrize(
    ("name", "spec", "reason"),
    [
        ("renv.sandbox", {"target": "agent"}, "InvalidValue"),
        ("renv.everything", {"target": "everything"}, "InvalidValue"),
        ("renv.sandbox.w-w2", {"workspaceId": "w2"}, "TenantMismatch"),
        ("renv.sandbox.w-w1.p-p9", {"workspaceId": "w1", "projectId": "p9"}, "TenantMismatch"),
        ("renv.sandbox", {}, "InvalidValue"),
    ],
)
async def test_an_environment_that_may_not_be_holds_nothing(name: str, spec: dict[str, str], reason: str) -> None:
    place = namespace("ws", "acme", "w1", projects="p1")
    async with World(place, runtime_env(f"ws/{name}", **spec), *ACME, sealed("acme/x", "v")) as world:
        assert world.env(f"ws/{name}") is None
        assert world.env_reason(f"ws/{name}") == reason
        assert world.reason("acme/x") == "Materialized"


async def test_a_project_that_is_no_longer_listed_loses_its_environment() -> None:
    ref = "ws/renv.sandbox.w-w1.p-p1"
    env = runtime_env(ref, workspaceId="w1", projectId="p1")
    async with World(namespace("ws", "acme", "w1", projects="p1"), env, *ACME, sealed("acme/x", "v")) as world:
        assert world.env(ref) == {"TOKEN": "v"}
        await world.apply(namespace("ws", "acme", "w1"))
        assert world.env(ref) is None


async def test_an_environment_made_again_under_its_name_is_filled_again() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        world.cluster.remove(RUNTIME_ENVS, at(ENV))
        world.cluster.apply(runtime_env(ENV))
        await world.settle()
        uid = world.cluster.read(RUNTIME_ENVS, at(ENV))["metadata"]["uid"]
        assert world.cluster.read(SECRETS, at(ENV))["metadata"]["ownerReferences"][0]["uid"] == uid
        assert world.env(ENV) == {"TOKEN": "v"}
