"""Pods, plaintexts, variables and reads that come in steadily, and what became of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from tests import builders
from tests.cluster import api_client
from tests.documents import REPOSITORY
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, Running, wait
from tests.node import pods

EXPECTED = "GREETING=hello"  # in the environment of every agent
RATES = MappingProxyType({"pods": 10.0, "plaintexts": 5.0, "agents": 1 / 3, "variables": 2.0, "reads": 10.0})
"""A second. Pods and plaintexts are dry runs, agents pods that run, variables real ones until they are Ready."""


@dataclass
class Counted:
    """All of one kind."""

    attempts: int = 0
    refused: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    longest: float = 0  # seconds from when one was due to its answer, or to its end
    refusals: list[float] = field(default_factory=list)  # when, in seconds since 1970

    @property
    def faults(self) -> list[str]:
        """What was refused, or lacked its environment."""
        return [*self.refused, *self.lacking]


class Meanwhile:
    """The traffic under way; `counted` is whole once its block has ended."""

    def __init__(self, running: Running, kinds: Iterable[str]) -> None:
        self._running = running
        self._kinds = tuple(kinds)

    @property
    def counted(self) -> Mapping[str, Counted]:
        """By kind, what has ended so far."""
        return tally(self._running.log.read_text())

    def goes_on(self, number: int = 10) -> None:
        """Waits until so many more pods were answered, and at least one more of each kind."""
        before = {kind: found.attempts for kind, found in self.counted.items()}
        wanted = {kind: before.get(kind, 0) + (number if kind == "pods" else 1) for kind in self._kinds}

        def answered() -> bool:
            self._running.expect_alive()
            now = self.counted
            return all(kind in now and now[kind].attempts >= wanted[kind] for kind in wanted)

        wait(answered, "the traffic to go on", timeout=180)

    def end(self) -> None:
        """No more is sent; waits for what is under way. Raises AssertionError where the client had a fault itself."""
        self._running.stop(timeout=200)
        assert self._running.code == 0, self._running.log


def tally(log: str) -> dict[str, Counted]:
    """What the client has printed, by kind; a line that is not whole yet doesn't count."""
    found: dict[str, Counted] = {}
    for line in log.splitlines(keepends=True):
        if line.endswith("\n"):
            told = json.loads(line)
            counted = found.setdefault(told["kind"], Counted())
            counted.attempts += 1
            counted.longest = max(counted.longest, told["took"])
            if told["refused"]:
                counted.refused.append(told["refused"])
                counted.refusals.append(told["at"])
            if told["lacking"]:
                counted.lacking.append(told["lacking"])
    return found


def spells(refusals: Iterable[float]) -> list[float]:
    """How long each spell of refusals was, in seconds: three without one end it."""
    found: list[tuple[float, float]] = []
    for at in sorted(refusals):
        if found and at - found[-1][1] < 3:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return [last - first for first, last in found]


@dataclass(frozen=True)
class Source:
    """A tenant's namespace that traffic may come from."""

    node: Cluster
    namespace: str
    reads: Mapping[str, str]  # where the REST API is, and a key; empty where this machine doesn't reach a Service

    @contextmanager
    def traffic(self, mark: str) -> Iterator[Meanwhile]:
        """Until the block ends; it begins once all kinds have been answered."""
        log = self.node.folder / f"traffic-{mark}.log"
        log.unlink(missing_ok=True)
        environment = {
            "KUBECONFIG": str(self.node.kubeconfig),
            "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/operator",
            **self.reads,
        }
        argv = [sys.executable, "-m", "tests.node.traffic_client", self.namespace]
        running = self.node.spawn(argv, env=environment, log=log)
        kinds = [kind for kind in RATES if kind != "reads" or self.reads]
        meanwhile = Meanwhile(running, kinds)
        try:
            meanwhile.goes_on()
            yield meanwhile
            meanwhile.goes_on()
            meanwhile.end()
        finally:
            running.stop()


@contextmanager
def source(node: Cluster, name: str) -> Iterator[Source]:
    """A tenant of its own, whose agents have a variable; gone afterwards."""
    node.apply(builders.namespace(name, name, home="true"))
    pods.define(node, builders.variable(f"{name}/greeting", "GREETING", target="agent", value="hello"))
    node.apply([builders.runtime_env(f"{name}/renv.{target}", target) for target in ("agent", "sandbox")])
    node.kubectl("wait", "--for=condition=Ready", "renv", "--all", "-n", name, "--timeout=60s", timeout=70)
    yield Source(node, name, _reads(node, name) if node.tier == "node" else {})
    node.kubectl("delete", "namespace", name, "--wait=false")


def _reads(node: Cluster, tenant: str) -> dict[str, str]:
    """Where every replica already knows the key."""
    key = api_client.issue(node, tenant)
    address = node.get_json("service", "runtime-env-api", "-n", NAMESPACE)["spec"]["clusterIP"]
    replicas = node.get_json("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=api")["items"]
    for replica in replicas:
        url = f"http://{replica['status']['podIP']}:8000{api_client.BASE}"
        asked = [*node.reach, "curl", "--silent", "--fail", "--header", f"Authorization: Bearer {key}", url]
        wait(partial(_succeeds, asked), "a replica of the API to know the key")
    return {"RUNTIME_ENV_READS": f"http://{address}{api_client.BASE}", "RUNTIME_ENV_KEY": key}


def _succeeds(argv: Sequence[str]) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
