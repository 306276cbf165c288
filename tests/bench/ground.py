"""A control plane of its own with the chart's objects applied, and what can be measured on it."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kubernetes.aio.client import ApiClient

from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster
from tests.kube import controlplane, operator, state
from tests.kube.cluster import Cluster, Running, wait
from tests.kube.launches import Launch

QUIET = MappingProxyType({"logLevel": "warning"})
WRITES = ("POST", "PUT", "PATCH", "DELETE")
TICKS = os.sysconf("SC_CLK_TCK")

_REQUESTS = re.compile(r"apiserver_request_total\{(.*)\} (\S+)")
_WATCHES = re.compile(r'apiserver_longrunning_requests\{.*resource="runtimeenvvars".*verb="WATCH".*\} [1-9]')
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Process:
    """One of our processes, or a floor, under way."""

    running: Running
    log: Path

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> int:
        """Resident bytes."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.running.pid}/status").read_text())
        assert found
        return int(found[1]) * 1024


@dataclass
class Ground:
    """The cluster, and how our processes would be started on it."""

    cluster: Cluster
    launches: Mapping[str, Launch]
    control_plane: Sequence[Process]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ApiCluster]:
        """As the administrator."""
        async with ApiClient(await access.configuration({"KUBECONFIG": str(self.cluster.kubeconfig)})) as api:
            yield ApiCluster(api)

    @contextmanager
    def controller(self) -> Iterator[Process]:
        """Our controller, until the block ends; `ready` tells when it is."""
        launch = self.launches["controller"]
        with self._process(launch.argv, launch.env, "controller") as process:
            yield process

    @contextmanager
    def floor(self, *arguments: str) -> Iterator[Process]:
        """A bare operator as the controller's service account, until the block ends."""
        argv = (sys.executable, "-m", "tests.bench.bare_operator", *arguments)
        with self._process(argv, self.launches["controller"].env, "floor") as process:
            yield process

    def wait_ready(self, process: Process) -> None:
        """Until the controller says so itself."""

        def ready() -> bool:
            process.running.expect_alive()
            return self.launches["controller"].ready()

        wait(ready, "the controller to be ready", timeout=120)

    def wait_idle(self, process: Process) -> None:
        """Until it has worked off what its start offered: hardly any CPU for some polls in a row."""
        spent = [process.cpu]

        def idle() -> bool:
            spent.append(process.cpu)
            return len(spent) > 15 and spent[-1] - spent[-5] <= 0.05

        wait(idle, "the controller to be idle", timeout=120)

    def requests(self) -> Counter[tuple[str, str]]:
        """Requests that the API server has answered, by verb and resource (``runtimeenvvars/status``)."""
        found: Counter[tuple[str, str]] = Counter()
        for labels, count in _REQUESTS.findall(self.cluster.kubectl("get", "--raw", "/metrics").out):
            of = dict(_LABEL.findall(labels))
            found[of["verb"], "/".join(filter(None, (of["resource"], of["subresource"])))] += int(float(count))
        return found

    def wait_watched(self, process: Process) -> None:
        """Until somebody watches RuntimeEnvVars: kopf doesn't say when it does."""

        def watched() -> bool:
            process.running.expect_alive()
            return bool(_WATCHES.search(self.cluster.kubectl("get", "--raw", "/metrics").out))

        wait(watched, "a watch of RuntimeEnvVars")

    @contextmanager
    def _process(self, argv: Sequence[str], env: Mapping[str, str], name: str) -> Iterator[Process]:
        log = self.cluster.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        running = self.cluster.spawn(argv, env={**env, "PYTHONWARNINGS": "ignore"}, log=log)
        try:
            yield Process(running, log)
        finally:
            running.stop()


@contextmanager
def ground(values: Mapping[str, Any] = QUIET) -> Iterator[Ground]:
    """A control plane of its own with the chart applied, taken down at the end.

    Without its controller-manager, whose garbage collector GETs the owners of new objects: they would count as ours.
    """
    claim = state.claim("bench")
    try:
        cluster, programs = controlplane.started(claim.folder, lambda text: print(text, file=sys.stderr))
        try:
            launches = operator.plan(cluster, values)
            wait(lambda: operator.policies_in_force(cluster), "the policies to be in force")
            programs.pop().stop()
            yield Ground(cluster, launches, [Process(program, program.log) for program in programs])
        finally:
            cluster.stop()
    finally:
        claim.release()
