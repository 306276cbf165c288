"""Stage 2: what RuntimeEnvs hold, when they wait, and when they can't be written."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.cluster.kinds import NAMESPACES, RUNTIME_ENV_VARS, RUNTIME_ENVS, SECRETS, Kind
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Rejected, Unavailable
from tests.builders import namespace, runtime_env, variable
from tests.unit.controller.world import World, at, sealed, sizes

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"
BIG = "x" * 32768


def wiped(world: World) -> None:
    """A restore: what is derived is left out of backups."""
    for secret in world.cluster.store.all(SECRETS):
        world.cluster.remove(SECRETS, Ref(secret["metadata"]["namespace"], secret["metadata"]["name"]))


async def test_later_layers_win_and_the_status_says_what_they_hide() -> None:
    env = runtime_env("acme/renv.sandbox.w-w1.p-p1", workspaceId="w1", projectId="p1")
    places: list[dict[str, str]] = [
        {},
        {"scope": "workspace", "workspaceId": "w1"},
        {"scope": "project", "projectId": "p1"},
    ]
    layers = [{**place, "target": target} for place in places for target in ("all", "sandbox")]
    found = [sealed(f"acme/x{n}", f"v{n}", **layer) for n, layer in enumerate(layers)]
    async with World(namespace("acme", "acme"), env, *found) as world:
        ref = "acme/renv.sandbox.w-w1.p-p1"
        assert world.env(ref) == {"TOKEN": "v5"}
        (received,) = world.env_status(ref)["variables"]
        assert (received["source"], received["scope"], received["target"]) == ("acme/x5", "project", "sandbox")
        assert received["overrides"][0] == "project p1/all"
        assert len(received["overrides"]) == 5
        for n in range(5, 0, -1):
            await world.remove(RUNTIME_ENV_VARS, f"acme/x{n}")
            assert world.env(ref) == {"TOKEN": f"v{n - 1}"}


async def test_other_shapes_and_tenants_receive_nothing() -> None:
    agent, globex = runtime_env("acme/renv.agent", "agent"), runtime_env("globex/renv.sandbox")
    async with World(*ACME, agent, namespace("globex", "globex"), globex) as world:
        await world.apply(
            sealed("acme/x", "v", target="sandbox"), sealed("acme/p", "w", "P", scope="project", projectId="p")
        )
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.env("acme/renv.agent") == {}
        assert world.env("globex/renv.sandbox") == {}


async def test_a_tenants_variables_are_the_union_over_its_namespaces() -> None:
    async with World(
        *ACME, namespace("second", "acme"), sealed("second/y", "w", "OTHER"), sealed("acme/x", "v")
    ) as world:
        assert world.env(ENV) == {"TOKEN": "v", "OTHER": "w"}


async def test_nothing_partial_is_written_after_a_restore() -> None:
    found = [sealed(f"acme/x{n}", "v", f"N{n}") for n in range(20)]
    async with World(*ACME, *found) as world:
        before = len(sizes(world, ENV))
        await world.restart(meanwhile=lambda: wiped(world))
        assert sizes(world, ENV)[before:] == [20]
        assert all(world.reason(f"acme/x{n}") == "Materialized" for n in range(20))


async def test_a_tenant_waits_for_its_slowest_variable_and_no_other_tenant_does() -> None:
    globex = (
        namespace("globex", "globex"),
        runtime_env("globex/renv.sandbox"),
        sealed("globex/x", "g", tenant="globex"),
    )
    found = [sealed("acme/x", "v"), sealed("acme/y", "w", "OTHER")]
    async with World(*ACME, *globex, *found) as world:
        before = len(sizes(world, ENV))
        slow = world.cluster.faults

        def meanwhile() -> None:
            wiped(world)
            slow.fail(Unavailable(503, "create"), verb="create", kind="secrets", times=3)

        await world.restart(meanwhile=meanwhile)
        await world.settle(30)
        assert sizes(world, ENV)[before:] == [2]
        assert world.env("globex/renv.sandbox") == {"TOKEN": "g"}


@pytest.mark.parametrize("spec", [{"target": "everything"}, {"scope": 7}, {"name": None}])
async def test_a_variable_that_cannot_be_read_holds_nobody_back(spec: dict[str, object]) -> None:
    malformed = sealed("acme/bad", "v", "BAD")
    malformed["spec"].update(spec)
    async with World(*ACME, malformed, sealed("acme/x", "v")) as world:
        assert world.env(ENV) == {"TOKEN": "v"}
        await world.restart()
        assert world.env(ENV) == {"TOKEN": "v"}
        world.cluster.apply(namespace("acme"))
        await world.settle()
        await world.apply(namespace("acme", "acme"))
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_a_source_that_may_not_be_read_holds_nobody_back() -> None:
    reading = variable("acme/y", "OTHER", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}})
    async with World(*ACME, sealed("acme/x", "v"), reading) as world:
        await world.replica.stop()
        world.cluster.faults.fail(Rejected(403, "get"), verb="get", kind="secrets", times=9)
        wiped(world)
        await world.start()
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.reason("acme/y") == "WriteRefused"


@pytest.mark.parametrize("order", [("namespace", "variable"), ("variable", "namespace"), ("variable",)])
async def test_what_goes_before_it_was_tried_holds_nobody_back(order: tuple[str, ...]) -> None:
    second = (namespace("second", "acme"), sealed("second/y", "w", "OTHER"))
    async with World(*ACME, *second, sealed("acme/x", "v")) as world:
        await world.replica.stop()
        wiped(world)
        world.failing["second"] = Unavailable(503, "create")
        await world.start()
        assert world.env(ENV) is None
        removals: dict[str, tuple[Kind[Any], Ref]] = {
            "namespace": (NAMESPACES, Ref("", "second")),
            "variable": (RUNTIME_ENV_VARS, at("second/y")),
        }
        for word in order:
            world.cluster.remove(*removals[word])
            await world.settle(0.01)
        await world.settle()
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_too_many_names_keep_the_last_good_environment() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.apply(*(variable(f"acme/x{n}", f"N{n}", "renv1.x") for n in range(5)))
        assert world.env(ENV) == {"TOKEN": "v"}
        many = [sealed(f"acme/m{n}", BIG, f"M{n}") for n in range(17)]
        await world.apply(*many)
        await world.settle(3)
        assert world.env_reason(ENV) == "TooLarge"
        assert len(world.env(ENV) or ()) < 17
        assert world.reason("acme/m16") == "Materialized", "a RuntimeEnv that can't be written holds nobody up"
        await world.remove(RUNTIME_ENV_VARS, "acme/m0")
        await world.remove(RUNTIME_ENV_VARS, "acme/m1")
        assert world.env_reason(ENV) == "Materialized"
        assert len(world.env(ENV) or ()) == 16


async def test_a_namespace_that_refuses_writes_holds_nobody_else_up() -> None:
    full = (namespace("full", "acme"), runtime_env("full/renv.sandbox"))
    async with World(*ACME, *full) as world:
        world.failing["full"] = Rejected(403, "replace")
        await world.apply(sealed("acme/x", "v"))
        assert world.reason("acme/x") == "Materialized"
        assert world.status("acme/x")["propagation"] == {"done": 1, "total": 2}
        assert world.env_reason("full/renv.sandbox") == "WriteRefused"
        world.failing.clear()
        await world.settle(301)
        assert world.env("full/renv.sandbox") == {"TOKEN": "v"}
        assert world.env_reason("full/renv.sandbox") == "Materialized"


@pytest.mark.parametrize("kind", [SECRETS, RUNTIME_ENV_VARS, RUNTIME_ENVS, NAMESPACES])
async def test_broken_watches_lose_nothing(kind: Kind[Any]) -> None:
    async with World(*ACME, sealed("acme/x", "v"), sealed("acme/y", "w", "OTHER")) as world:
        world.cluster.faults.fail(Unavailable(503, "list"), verb="list", kind=kind.plural, times=3)
        with world.cluster.faults.events_delayed():
            world.cluster.remove(RUNTIME_ENV_VARS, at("acme/x"))
            world.cluster.apply(sealed("acme/y", "w2", "OTHER"))
            world.cluster.apply(sealed("acme/z", "z", "THIRD"))
            world.cluster.forget_history()
        world.cluster.cut_watches()
        await world.settle(120)
        assert world.env(ENV) == {"OTHER": "w2", "THIRD": "z"}
        assert world.reason("acme/z") == "Materialized"


async def test_repeated_watch_events_cost_no_write() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.repeat = 3
        world.cluster.calls.clear()
        await world.apply(sealed("acme/x", "v"))
        assert len(world.cluster.writes()) == 4
