"""The operator on a control plane, installed from its chart.

Its processes run on this machine, each as its own service account, and `mounts` plays the kubelet. On a node they are
pods: see `operator_pods`.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kube import chart, launches
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, Running, wait
from tests.kube.launches import Launch
from tests.kube.mounts import Volume

MOUNTS = "mounts"
# Whatever can be installed, so that every test shares it; limits on requests that only a test of limits would meet.
_RATES = {"keyRate": 100_000, "addressRate": 100_000}
# Tests are believed as proxies are, so that what they claim in X-Forwarded-For is read.
EVERYTHING: dict[str, Any] = {"api": {"enabled": True, "forwardedAllowIps": ["127.0.0.1"], **_RATES}}


class Operator:
    """The chart's objects on the cluster, and its processes beside it."""

    def __init__(self, cluster: Cluster, launched: Mapping[str, Launch]) -> None:
        self.cluster = cluster
        self.launches = launched
        self._running: dict[str, Running] = {}

    @classmethod
    def install(cls, cluster: Cluster, values: Mapping[str, Any] | None = None) -> "Operator":
        """Applies the chart with these values, starts the processes, and returns once everything is ready."""
        installed = cls(cluster, plan(cluster, values or {}))
        try:
            installed.start()
            installed.wait_ready()
        except BaseException:
            installed.stop()
            raise
        return installed

    @property
    def kubelet(self) -> Running:
        """What keeps the volumes in step; stopped (SIGSTOP) it is a kubelet that has yet to look."""
        return self._running[MOUNTS]

    @property
    def controller(self) -> Running:
        return self._running["controller"]

    @property
    def webhook(self) -> Running:
        return self._running["webhook"]

    @property
    def api(self) -> Running:
        return self._running["api"]

    def start(self) -> None:
        """Starts what plays the kubelet, then each process as soon as its volumes are there."""
        self.play_kubelet()
        for name in self.launches:
            self.launch(name)

    @contextmanager
    def replica(self, name: str, lacking: str = "", **env: str) -> Iterator[Launch]:
        """A second process of a Deployment, on ports of its own, with other settings if given (RUNTIME_ENV_…).

        In the block it is ready, or waits for nothing but what is `lacking`. It ends with the block.
        """
        launch = self.launches[name].another(f"{name}-2")
        running = self.cluster.spawn(launch.argv, env={**launch.env, **env}, log=self._log(launch.name))

        def ready() -> bool:
            running.expect_alive()
            return launch.missing() == f"waiting for {lacking}\n" if lacking else launch.ready()

        try:
            wait(ready, f"{launch.name} to be ready")
            yield launch
        finally:
            running.stop()

    def play_kubelet(self) -> None:
        """Starts what keeps the volumes in step."""
        argv = mounts_argv(self.cluster, self.launches)
        self._running[MOUNTS] = self.cluster.spawn(argv, env={}, log=self._log(MOUNTS))

    def launch(self, name: str) -> Running:
        """Starts one process; the kubelet would wait for its volumes first."""
        wait(self.launches[name].mounted, f"the Secrets that {name} mounts")
        return self.spawn(name)

    def spawn(self, name: str) -> Running:
        """Starts one process, whatever its volumes hold."""
        launch = self.launches[name]
        self._running[name] = self.cluster.spawn(launch.argv, env=launch.env, log=self._log(name))
        return self._running[name]

    def restart(self, name: str) -> Running:
        """SIGTERM, and a new process once the old one has ended."""
        self._running[name].stop()
        return self.launch(name)

    def kill9(self, name: str) -> None:
        """SIGKILL; `launch` starts it again."""
        self._running[name].kill9()

    def wait_ready(self) -> None:
        """Every process says that it is ready, and the policies are in force."""
        for name, launch in self.launches.items():
            wait(lambda name=name, launch=launch: self._ready(name, launch), f"{name} to be ready")  # type: ignore[misc]
        wait(lambda: policies_in_force(self.cluster), "the policies to be in force")

    def _ready(self, name: str, launch: Launch) -> bool:
        self._running[name].expect_alive()
        return launch.ready()

    def logs(self) -> list[Path]:
        """What the processes have written."""
        return [self._log(name) for name in self.launches]

    def stop(self) -> None:
        """Ends the processes; the objects stay."""
        for running in reversed(self._running.values()):
            running.stop()

    def _log(self, name: str) -> Path:
        return self.cluster.folder / f"runtime-env-{name}.log"


def plan(cluster: Cluster, values: Mapping[str, Any]) -> dict[str, Launch]:
    """Applies the chart for processes outside the cluster, and says how to start them, in order."""
    objects = chart.rendered({"logLevel": "debug", **values})
    accounts = chart.of_kind(objects, "ServiceAccount")
    chart.apply(cluster, accounts)
    planned = launches.planned(cluster, objects)
    chart.apply(cluster, launches.by_url(objects, planned))
    return {launch.name: launch for launch in planned}


def mounts_argv(cluster: Cluster, launched: Mapping[str, Launch]) -> list[str]:
    """The command that keeps the volumes of all processes in step."""
    volumes: list[Volume] = [volume for launch in launched.values() for volume in launch.volumes]
    fields = json.dumps([dataclasses.asdict(volume) for volume in volumes])
    return [sys.executable, "-m", "tests.kube.mounts", str(cluster.kubeconfig), NAMESPACE, fields]


def policies_in_force(cluster: Cluster) -> bool:
    """Whether nobody but the controller can make a Secret of our names (a new policy takes effect after a second)."""
    forged = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "renv.agent", "namespace": "default"}}
    return cluster.apply(forged, "--dry-run=server", check=False).code != 0
