"""The REST API: ``measured()``, or ``python -m tests.bench.api``.

Reads, from its cache of 1,000 variables, against a bare FastAPI app that answers constants of the same size; a POST
until it is Ready against a bare create of such an object. All on one machine, with the cluster and its controller.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Final

import uvloop

from runtimeenv.core.names import HOME_LABEL
from tests.bench.ground import Ground, ground
from tests.bench.loaded import CONNECTIONS, Load, Server, compete, running
from tests.bench.population import Population, create_all, create_and_wait
from tests.bench.report import Row, table
from tests.bench.variables import materialized, prepare, published_key
from tests.cluster.api_client import BASE, Client, issue, known
from tests.kube.operator import Operator

POPULATION: Final = Population(variables=1000, namespaces=1)
VALUES: Final = {"logLevel": "info", "api": {"enabled": True, "keyRate": 1e6, "addressRate": 1e6}}
READS: Final = 20_000
LISTS: Final = 2_000
WRITES: Final = 200
ROUNDS: Final = 5
LIMIT: Final = 300.0
ASKED: Final = "GET {} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {}\r\nAccept: application/json\r\n\r\n"


@contextmanager
def operating(place: Ground) -> Iterator[Operator]:
    """All processes of ours, until the block ends."""
    operator = Operator(place.cluster, place.launches)
    try:
        operator.start()
        operator.wait_ready()
        yield operator
    finally:
        operator.stop()


async def populate(place: Ground) -> None:
    """One tenant, whose one namespace is its home, with all variables Ready."""
    async with place.client() as cluster, asyncio.timeout(LIMIT):
        await prepare(cluster, POPULATION)
        place.cluster.kubectl("label", "namespace", "bench-0", f"{HOME_LABEL}=true")
        await materialized(cluster)
        await create_and_wait(cluster, POPULATION.sealed(await published_key(cluster)))


def reads(client: Client, ours: Server) -> list[Row]:
    """One item, and all of them."""
    listed = client.get()
    assert len(listed.data) == POPULATION.variables
    one = client.get(listed.data[0]["id"])
    paths = {"API GET of one": (f"{BASE}/{one.data['id']}", READS), "API list of 1,000": (BASE, LISTS)}
    rows = []
    with running("bare_api", str(len(one.body)), str(len(listed.body))) as floor:
        for what, (path, number) in paths.items():
            load = Load([ASKED.format(path, client.key).encode()], '"data":')
            compete(ours, floor, load, number, ROUNDS)
            (cpu, p99, rate), (floors_cpu, floors_p99, floors_rate) = ours.medians(), floor.medians()
            rows += [
                Row(what, rate, floors_rate, "1/s", ">= 0.6"),
                Row(f"{what}, CPU", cpu, floors_cpu, "ms", "<= 1.67"),
                Row(f"{what}, p99 at {CONNECTIONS} connections", p99, floors_p99, "ms"),
            ]
    return rows


def posted(client: Client, number: int) -> list[float]:
    """Seconds of each POST of a new variable, one after the other, until it is answered as Ready."""

    def post(turn: int) -> None:
        body = {"scope": "tenant", "name": f"POSTED_{turn}", "value": f"sk-bench-{turn:040d}"}
        answer = client.post(body)
        assert (answer.status, answer.headers["Runtime-Env-Ready"]) == (201, "true"), answer.body

    return [_timed(post, turn) for turn in range(number)]


async def created(place: Ground, number: int) -> list[float]:
    """Seconds of each create of such an object, already sealed, by the operator's own client."""
    async with place.client() as cluster:
        key = await published_key(cluster)
        times = []
        more = Population(POPULATION.variables + number, POPULATION.namespaces)
        for manifest in more.sealed(key)[POPULATION.variables :]:
            began = time.perf_counter()
            await create_all(cluster, [manifest])
            times.append(time.perf_counter() - began)
    return times


def _timed(work: Callable[[int], None], turn: int) -> float:
    began = time.perf_counter()
    work(turn)
    return time.perf_counter() - began


def measured() -> tuple[list[Row], list[str]]:
    """The ratios."""
    with ground(VALUES) as place, operating(place) as operator:
        uvloop.run(populate(place))
        port = place.launches["api"].api_port
        client = known(Client(port, issue(place.cluster, "t0")))
        rows = reads(client, Server(operator.api.pid, port))
        ours, floor = posted(client, WRITES), uvloop.run(created(place, WRITES))
    of = "of a bare create"
    rows.append(Row(f"API POST to Ready, p50 {of}", median(ours) * 1000, median(floor) * 1000, "ms"))
    rows.append(Row(f"API POST to Ready, p99 {of}", _p99(ours) * 1000, _p99(floor) * 1000, "ms"))
    return rows, []


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[98]


if __name__ == "__main__":
    print(table(measured()[0]))
