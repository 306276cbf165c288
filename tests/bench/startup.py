"""Start-up with all variables reconciled: ``measured()``, or ``python -m tests.bench.startup``.

Against a bare kopf operator with an empty resume handler, started in turns with ours on the same control plane.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median
from typing import Final

import uvloop

from runtimeenv.cluster.client import Query, pages
from tests.bench.ground import WRITES, Ground, Process, ground
from tests.bench.population import VARIABLES, Population, create_and_wait
from tests.bench.report import Row, table
from tests.bench.variables import materialized, prepare, published_key
from tests.kube.cluster import wait

POPULATION: Final = Population(variables=10_000, namespaces=100)
ROUNDS: Final = 3
LIMIT: Final = 900.0
"""Seconds to reconcile them all, once."""


async def fill(place: Ground, population: Population) -> int:
    """Have them all reconciled; the controller's resident bytes before the first."""
    with place.controller() as process:
        place.wait_ready(process)
        async with place.client() as cluster, asyncio.timeout(LIMIT):
            empty = process.memory
            await prepare(cluster, population)
            await materialized(cluster)
            await create_and_wait(cluster, population.sealed(await published_key(cluster)))
        place.wait_idle(process)  # the statuses of RuntimeEnvs follow their Secrets
    return empty


async def listed(place: Ground) -> float:
    """Seconds for a bare paginated list, decoded to metadata."""
    async with place.client() as cluster:
        began = time.perf_counter()
        async for _ in pages(cluster, VARIABLES, Query()):
            pass
        return time.perf_counter() - began


def started(
    process: AbstractContextManager[Process], ready: Callable[[Process], None], after: Callable[[Process], None]
) -> float:
    """Seconds from its start until it is ready."""
    began = time.perf_counter()
    with process as running:
        ready(running)
        seconds = time.perf_counter() - began
        after(running)
    return seconds


def resumed(process: Process) -> None:
    """Until the floor has been called for every object."""

    def done() -> bool:
        process.running.expect_alive()
        return "ready" in process.log.read_text()

    wait(done, "the floor to resume all", timeout=300)


def measured(population: Population = POPULATION, rounds: int = ROUNDS) -> tuple[list[Row], list[str]]:
    """The ratio; what was written meanwhile, and memory."""
    ours: list[float] = []
    floor: list[float] = []
    lists: list[float] = []
    memory: list[int] = []
    with ground() as place:

        def settle(process: Process) -> None:
            place.wait_idle(process)
            memory.append(process.memory)

        empty = uvloop.run(fill(place, population))
        written = 0
        for _ in range(rounds):
            floor.append(started(place.floor("resume", str(population.variables)), resumed, lambda _: None))
            before = place.requests()
            ours.append(started(place.controller(), place.wait_ready, settle))
            written += _writes(place, before)
            lists.append(uvloop.run(listed(place)))
    each = (median(memory) - empty) / population.variables
    what = f"start-up with {population.variables:,} variables"
    return [Row(what, median(ours), median(floor), "s", "<= 2")], [
        f"a bare paginated list of them: {median(lists):.2f} s",
        f"{written} writes in {rounds} starts (leases apart)",
        f"memory: {median(memory) / 2**20:.0f} MiB, {each / 1024:.1f} KiB a variable above an empty controller's",
    ]


def _writes(place: Ground, before: Counter[tuple[str, str]]) -> int:
    counted = place.requests() - before
    return sum(n for (verb, resource), n in counted.items() if verb in WRITES and resource != "leases")


if __name__ == "__main__":
    found, notes = measured()
    print(table(found), *notes, sep="\n")
