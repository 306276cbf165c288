"""The controller's numbers: objects by reason, and its queues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, RUNTIME_ENVS
from runtimeenv.controller.metrics import REASONS, by_reason, queues
from runtimeenv.controller.queue import Queue
from runtimeenv.controller.tally import Tally
from runtimeenv.errors import Unavailable
from runtimeenv.serving.metrics import Measured
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, sealed


def test_an_object_counts_for_its_last_reason_until_it_goes() -> None:
    tally: Tally[str] = Tally()
    for key, reason in (("a", "Propagating"), ("b", "Conflict"), ("a", "Materialized"), ("a", "Materialized")):
        tally.put(key, reason)  # type: ignore[arg-type]
    assert {reason: count for reason, count in tally.count(REASONS) if count} == {"Materialized": 1, "Conflict": 1}
    for _ in range(2):
        tally.remove("b")
    assert dict(tally.count(REASONS))["Conflict"] == 0


def test_every_reason_is_told_even_of_nobody() -> None:
    registry = CollectorRegistry()
    Measured(registry, by_reason("variables", "", Tally()))
    [metric] = registry.collect()
    assert {sample.labels["reason"]: sample.value for sample in metric.samples} == dict.fromkeys(REASONS, 0)


async def test_a_queue_tells_its_depth_its_age_and_its_failures() -> None:
    failing, going = asyncio.Event(), asyncio.Event()

    async def work(key: str, _item: None) -> None:
        if key == "fails":
            failing.set()
            raise Unavailable(503, "get")
        await going.wait()

    queue: Queue[str, None] = Queue(work)
    registry = CollectorRegistry()
    Measured(registry, queues({"variables": queue}))

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"runtime_env_{name}", {"queue": "variables", **labels})

    assert (told("queue_keys"), told("queue_oldest_seconds")) == (0, 0)
    for key in ("fails", "waits"):
        queue.offer(key)
    running = asyncio.create_task(queue.run())
    await failing.wait()
    await until(lambda: told("reconcile_errors_total", error="Unavailable") == 1)
    assert (told("queue_keys"), told("reconciles_total")) == (1, 1)  # a distant retry is not due
    assert told("queue_oldest_seconds")
    going.set()
    await until(lambda: told("queue_keys") == 0)
    assert told("reconciles_total") == 2
    running.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)


@pytest.mark.virtual_time
async def test_variables_and_environments_are_counted_as_their_statuses_say_also_after_a_restart() -> None:
    manifests = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"), sealed("acme/x", "v"))
    async with World(*manifests, sealed("acme/y", "w")) as world:
        expected = {("variables", "Materialized"): 1, ("variables", "Conflict"): 1, ("environments", "Materialized"): 1}
        assert counted(world) == expected
        await world.restart()
        assert counted(world) == expected
        await world.remove(RUNTIME_ENV_VARS, "acme/x")
        await world.remove(RUNTIME_ENVS, "acme/renv.sandbox")
        assert counted(world) == {("variables", "Materialized"): 1}


def counted(world: World) -> dict[tuple[str, str], float]:
    """What a scrape shows, zeros left out."""
    registry = CollectorRegistry()
    Measured(registry, *world.replica.stages.measures())
    found = [sample for metric in registry.collect() for sample in metric.samples if sample.value]
    return {(s.name.removeprefix("runtime_env_"), s.labels["reason"]): s.value for s in found}
