"""RuntimeEnvs that pods ask for: made, kept while anybody uses them, and removed."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import PODS, RUNTIME_ENVS, SECRETS
from runtimeenv.core.names import DERIVED_LABELS, INJECTED_ANNOTATION, ON_DEMAND_LABEL
from runtimeenv.errors import Rejected, Stale, Unavailable
from tests.builders import Manifest, namespace, pod, runtime_env
from tests.unit.controller.world import World, at, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), sealed("acme/x", "v"))
ENV = "acme/renv.sandbox"
DOMAIN = "runtime.miosa.ai"


def asking(ref: str = "acme/p", **labels: str) -> Manifest:
    """A pod of the sandbox surface, unless its labels say otherwise; injected."""
    wanted = {f"{DOMAIN}/{word}": text for word, text in {"target": "sandbox", **labels}.items()}
    return pod(ref, wanted, {INJECTED_ANNOTATION: "renv.sandbox"})


def phase(manifest: Manifest, word: str) -> Manifest:
    return {**manifest, "status": {"phase": word}}


def made(world: World) -> list[str]:
    return [env["metadata"]["name"] for env in world.cluster.store.all(RUNTIME_ENVS)]


async def test_the_first_pod_that_asks_makes_the_environment() -> None:
    async with World(*ACME) as world:
        await world.apply(asking())
        assert world.env(ENV) == {"TOKEN": "v"}
        labels = world.cluster.read(RUNTIME_ENVS, at(ENV))["metadata"]["labels"]
        assert labels == {**DERIVED_LABELS, ON_DEMAND_LABEL: "true"}


async def test_ids_in_labels_make_other_environments() -> None:
    async with World(*ACME) as world:
        await world.apply(asking("acme/p", workspace="W1"), asking("acme/q", target="agent", project="p_1"))
        assert made(world) == ["renv.agent.p-p-u1", "renv.sandbox.w--cw1"]
        found = world.cluster.read(RUNTIME_ENVS, at("acme/renv.agent.p-p-u1"))
        assert found["spec"] == {"target": "agent", "projectId": "p_1"}


@pytest.mark.parametrize(
    "labels",
    [{"inject": "false"}, {"target": "everything"}, {"workspace": "w2"}, {"project": "p9"}, {"project": "-"}],
)
async def test_a_pod_that_may_not_ask_makes_none(labels: dict[str, str]) -> None:
    async with World(namespace("acme", "acme", "w1", projects="p1")) as world:
        await world.apply(asking(**labels))
        assert made(world) == []


async def test_a_pod_outside_a_tenant_makes_one_once_its_namespace_is_enrolled() -> None:
    async with World(namespace("acme")) as world:
        await world.apply(asking())
        assert made(world) == []
        await world.apply(namespace("acme", "acme"))
        assert made(world) == ["renv.sandbox"]


async def test_pods_that_came_while_the_controller_was_down_are_served() -> None:
    async with World(*ACME) as world:
        await world.restart(meanwhile=lambda: world.cluster.apply(asking()))
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_an_environment_that_somebody_deletes_is_made_again_while_a_pod_asks() -> None:
    async with World(*ACME) as world:
        await world.apply(asking())
        await world.remove(RUNTIME_ENVS, ENV)
        assert world.env(ENV) == {"TOKEN": "v"}


@pytest.mark.parametrize("end", ["removed", "Succeeded", "Failed"])
async def test_an_unused_environment_goes_an_hour_after_its_last_pod(end: str) -> None:
    async with World(*ACME) as world:
        await world.apply(asking("acme/p"), asking("acme/q"))
        await world.remove(PODS, "acme/q")
        await world.settle(3601)
        assert made(world) == ["renv.sandbox"]
        if end == "removed":
            await world.remove(PODS, "acme/p")
        else:
            world.cluster.apply(phase(asking("acme/p"), end))
        await world.settle(3590)
        assert made(world) == ["renv.sandbox"]
        await world.settle(20)
        assert made(world) == []
        assert world.env(ENV) is None


async def test_the_hour_counts_from_the_start_after_a_restart() -> None:
    async with World(*ACME) as world:
        await world.apply(asking())
        await world.remove(PODS, "acme/p")
        await world.restart()
        await world.settle(3605)
        assert made(world) == []


async def test_a_pod_whose_labels_changed_still_uses_its_environment() -> None:
    async with World(*ACME) as world:
        await world.apply(asking())
        await world.apply(pod("acme/p", {}, {INJECTED_ANNOTATION: "renv.sandbox"}))
        await world.settle(4000)
        assert made(world) == ["renv.sandbox"]
        await world.remove(PODS, "acme/p")
        await world.settle(3700)
        assert made(world) == []


async def test_a_pod_that_comes_in_time_keeps_the_environment() -> None:
    async with World(*ACME, on_demand_ttl=60) as world:
        await world.apply(asking())
        await world.remove(PODS, "acme/p")
        await world.settle(30)
        await world.apply(asking("acme/q"))
        await world.settle(600)
        assert made(world) == ["renv.sandbox"]


@pytest.mark.parametrize("kept", ["user's", "label removed"])
async def test_an_environment_that_is_not_on_demand_stays(kept: str) -> None:
    async with World(*ACME, on_demand_ttl=60) as world:
        if kept == "user's":
            await world.apply(runtime_env(ENV))
        await world.apply(asking())
        if kept == "label removed":
            await world.apply(runtime_env(ENV))
        await world.remove(PODS, "acme/p")
        await world.settle(300)
        assert made(world) == ["renv.sandbox"]


async def test_two_hundred_is_the_limit_of_a_namespace_and_the_pod_is_told() -> None:
    async with World(namespace("acme", "acme"), namespace("other", "acme")) as world:
        pods = [asking(f"acme/p{n:03}", workspace=f"w{n:03}") for n in range(203)]
        await world.apply(*pods, asking("other/p"))
        assert len(made(world)) == 201
        assert sorted({name for reason, name in world.events() if reason == "TooManyRuntimeEnvs"})
        assert len([e for e in world.events() if e[0] == "TooManyRuntimeEnvs"]) == 3


async def test_a_refused_or_failed_creation_is_tried_again() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Unavailable(503, "create"), verb="create", kind="runtimeenvs", times=2)
        await world.apply(asking())
        assert made(world) == ["renv.sandbox"]
        world.cluster.faults.fail(Rejected(403, "create"), verb="create", kind="runtimeenvs")
        await world.apply(asking("acme/q", target="agent"))
        await world.settle(301)
        assert made(world) == ["renv.agent", "renv.sandbox"]


async def test_a_conflict_of_a_quota_leaves_no_pod_without_its_environment() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Stale(409, "create"), verb="create", kind="runtimeenvs", times=3)
        await world.apply(asking())
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_without_a_time_to_live_nothing_is_looked_at_more_than_once_a_minute() -> None:
    full = [runtime_env(f"acme/renv.sandbox.w-w{n}", workspaceId=f"w{n}") for n in range(199)]
    async with World(namespace("acme", "acme"), *full, on_demand_ttl=0) as world:
        await world.apply(asking("acme/p"), asking("acme/q", target="agent"))
        await world.apply(pod("acme/p", {}, {INJECTED_ANNOTATION: "renv.sandbox"}))
        world.cluster.calls.clear()
        await world.settle(125)
        assert len(world.calls("list")) in (2, 3), "the pods of the namespace"
        assert len([call for call in world.cluster.writes() if call.kind == "events"]) in (2, 3)


async def test_pods_cost_no_read_but_of_their_namespace_and_no_list() -> None:
    async with World(*ACME) as world:
        await world.settle(5)
        world.cluster.calls.clear()
        await world.apply(*(asking(f"acme/p{n}") for n in range(20)))
        assert world.calls("get") == [("namespaces", "/acme")]
        assert not world.calls("list")
        assert len(world.cluster.writes(RUNTIME_ENVS)) == 2
        assert len(world.cluster.writes(SECRETS)) == 1
