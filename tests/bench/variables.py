"""Variables created to Ready, against a bare kopf operator: ``measured()``, or ``python -m tests.bench.variables``.

Each turn has a fresh control plane, so that neither works on the other's leavings. Two turns after each other are a
pair, who begins changes from pair to pair, and a ratio is the median of the pairs': a machine is faster in one minute
than in the next.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Final

import uvloop

from runtimeenv.cluster.client import ApiCluster, Query
from runtimeenv.cluster.kinds import CONFIG_MAPS, RUNTIME_ENVS
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import PUBLIC_KEY_CONFIG_MAP
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import KEY_FIELD, SealingKey
from tests.bench.ground import WRITES, Ground, Process, ground
from tests.bench.population import Population, create_all, create_and_wait
from tests.bench.report import Row, table
from tests.kube.chart import NAMESPACE

POPULATION: Final = Population(variables=2000, namespaces=20)
ROUNDS: Final = 5
LIMIT: Final = 180.0
"""Seconds for one turn; a floor takes about 10 on two cores."""


@dataclass(frozen=True)
class Turn:
    """What one participant did."""

    rate: float
    """Variables a second."""
    cpu: float
    """Milliseconds of its own CPU for each variable."""
    all_cpu: float
    """The same with the CPU of etcd and the API server, which another load on the machine doesn't change."""
    requests: Counter[tuple[str, str]]


async def published_key(cluster: ApiCluster) -> SealingKey:
    """The controller's, as the CLI would read it."""
    found = await cluster.get(CONFIG_MAPS, Ref(NAMESPACE, PUBLIC_KEY_CONFIG_MAP))
    assert found is not None, "a controller that is ready has published its key"
    return SealingKey.parse(found.data[KEY_FIELD])


async def prepare(cluster: ApiCluster, population: Population) -> None:
    """Namespaces and RuntimeEnvs."""
    await create_all(cluster, population.namespace_manifests())
    await create_all(cluster, population.runtime_envs())


async def materialized(cluster: ApiCluster) -> None:
    """Until every RuntimeEnv has its Secret, still empty."""
    while True:
        page = await cluster.list(RUNTIME_ENVS, Query())
        if all(found.status.secret_version for found in page.items):
            return
        await asyncio.sleep(0.2)


async def our_turn(place: Ground, population: Population) -> Turn:
    """The controller."""
    with place.controller() as process:
        place.wait_ready(process)
        place.wait_watched(process)
        async with place.client() as cluster:
            await prepare(cluster, population)
            async with asyncio.timeout(LIMIT):
                await materialized(cluster)
            return await turn(place, process, population, await published_key(cluster))


async def floors_turn(place: Ground, population: Population) -> Turn:
    """The bare operator."""
    with place.floor("create") as process:
        place.wait_watched(process)
        async with place.client() as cluster:
            await prepare(cluster, population)
        return await turn(place, process, population, Keyring.generate().sealing_key())


async def turn(place: Ground, process: Process, population: Population, key: SealingKey) -> Turn:
    """Create all, wait for the last Ready, and count."""
    manifests = population.sealed(key)
    processes = (process, *place.control_plane)
    requests, cpu = place.requests(), [each.cpu for each in processes]
    async with place.client() as cluster, asyncio.timeout(LIMIT):
        seconds = await create_and_wait(cluster, manifests)
    spent = [(each.cpu - then) / population.variables * 1000 for each, then in zip(processes, cpu, strict=True)]
    return Turn(population.variables / seconds, spent[0], sum(spent), place.requests() - requests)


def measured(population: Population = POPULATION, rounds: int = ROUNDS) -> tuple[list[Row], list[str]]:
    """The ratios, and what the API server counted in our last turn."""
    pairs = [_pair(population, floor_first=number % 2 == 0) for number in range(rounds)]
    rows = [
        _row("variables created to Ready", "rate", pairs, "1/s", ">= 0.8"),
        _row("variables created to Ready, its own CPU each", "cpu", pairs, "ms"),
        _row("the same with etcd and the API server", "all_cpu", pairs, "ms"),
    ]
    each = ", ".join(f"{ours.rate / floor.rate:.2f}" for ours, floor in pairs)
    return rows, [f"created to Ready, pair by pair: {each}", *_told(pairs[-1][0].requests, population)]


def _pair(population: Population, *, floor_first: bool) -> tuple[Turn, Turn]:
    """Ours and the floor's."""

    def run(take: Callable[[Ground, Population], Coroutine[Any, Any, Turn]]) -> Turn:
        with ground() as place:
            return uvloop.run(take(place, population))

    if floor_first:
        floor = run(floors_turn)
        return run(our_turn), floor
    return run(our_turn), run(floors_turn)


def _row(name: str, what: str, pairs: Sequence[tuple[Turn, Turn]], unit: str, bar: str = "") -> Row:
    """The pair whose ratio is the median."""
    rows = [Row(name, getattr(ours, what), getattr(floor, what), unit, bar) for ours, floor in pairs]
    middle = median_low(row.ratio for row in rows)
    return next(row for row in rows if row.ratio == middle)


def _told(requests: Counter[tuple[str, str]], population: Population) -> list[str]:
    secrets = requests["POST", "secrets"]
    statuses = sum(requests[verb, "runtimeenvvars/status"] for verb in WRITES)
    rewrites = requests["PUT", "secrets"]
    environments = sum(requests[verb, kind] for verb in WRITES for kind in ("runtimeenvs", "runtimeenvs/status"))
    # The bench itself lists once, before it watches.
    lists = requests["LIST", "runtimeenvvars"] + requests["LIST", "secrets"] - 1
    gets = requests["GET", "runtimeenvvars"] + requests["GET", "secrets"]
    return [
        f"{population.variables} variables: {secrets} encrypted Secrets, {statuses} status writes: "
        f"{(secrets + statuses) / population.variables:.3f} writes each; {gets} GETs, {lists} LISTs",
        f"{population.namespaces} RuntimeEnvs: {rewrites} writes of Secrets, {environments} of RuntimeEnvs",
    ]


if __name__ == "__main__":
    found, notes = measured()
    print(table(found), *notes, sep="\n")
