"""The operator on a node, as a user would have it: installed by helm, the real image, pods."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.kube import build, chart, operator_image
from tests.kube.chart import NAMESPACE, ChartFailed
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import policies_in_force

NAMES = ("api", "controller", "webhook")
RELEASE = "runtime-env"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def forwarding(cluster: Cluster, port: int) -> list[str]:
    """The command that has the API's Service answer on a port of 127.0.0.1, wherever the cluster is reached from."""
    argv = cluster.kubectl_argv()[len(cluster.reach) :]
    return [*argv, "port-forward", "--namespace", NAMESPACE, "service/runtime-env-api", f"{port}:80"]


@contextmanager
def forwarded(cluster: Cluster, port: int) -> Iterator[str]:
    """Has the API answer at http://127.0.0.1:port, wherever the cluster is reached from, until the block ends."""
    address = f"http://127.0.0.1:{port}"
    running = cluster.spawn(forwarding(cluster, port), env={}, log=cluster.folder / "api-forward.log")
    asked = [*cluster.reach, "curl", "--silent", "--fail", f"{address}/healthz"]

    def answers() -> bool:
        running.expect_alive()
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    try:
        wait(answers, "the API to answer through its Service")
        yield address
    finally:
        running.stop()


def _image(cluster: Cluster, progress: Callable[[str], None]) -> dict[str, str]:
    """The chart's value `image`: what a cluster that is not ours can pull, or what is built here and brought there."""
    if cluster.tier == "context":
        repository, _, tag = str(operator_image.pushed()).rpartition(":")
        return {"repository": repository, "tag": tag}
    built = operator_image.image(progress)
    cluster.load_image(built.archive)
    repository, _, tag = built.name.partition(":")
    return {"repository": repository, "tag": tag, "pullPolicy": "Never"}


class OperatorPods:
    """A Helm release of the chart on a cluster with a kubelet."""

    def __init__(self, cluster: Cluster, values: Mapping[str, Any]) -> None:
        self.cluster = cluster
        self.values = values

    @classmethod
    def install(
        cls, cluster: Cluster, values: Mapping[str, Any] | None = None, progress: Callable[[str], None] = print
    ) -> "OperatorPods":
        """Brings the image to the node, installs the chart with these values; returns once every pod is ready."""
        installed = cls.prepared(cluster, values or {}, progress)
        installed.upgrade()
        return installed

    @classmethod
    def prepared(cls, cluster: Cluster, values: Mapping[str, Any], progress: Callable[[str], None]) -> "OperatorPods":
        """All that comes before `helm install`: the image is on the node, the restricted namespace there."""
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
        given = {"image": _image(cluster, progress), "logLevel": "debug"}
        return cls(cluster, {**given, **values})

    @staticmethod
    def traces(cluster: Cluster) -> str:
        """What shows that Runtime Env is in a cluster, or was removed in part."""
        crds = ("crd/runtimeenvvars.runtime.miosa.ai", "crd/runtimeenvs.runtime.miosa.ai")
        kinds = (f"namespace/{NAMESPACE}", *crds)
        return cluster.kubectl("get", *kinds, "--ignore-not-found", "-o", "name").out.replace("\n", " ").strip()

    def upgrade(self, values: Mapping[str, Any] | None = None) -> None:
        """`helm upgrade --install`, with other values on top, and the wait until all is ready. Raises ChartFailed."""
        given = json.dumps({**self.values, **(values or {})})
        self.helm(
            "upgrade", RELEASE, str(chart.CHART), "--install", "--wait", "--timeout=5m", "--values=-", input=given
        )
        wait(lambda: policies_in_force(self.cluster), "the policies to be in force")

    def remove(self) -> None:
        """Uninstalls the chart, and removes what it keeps: the CRDs with all their objects, the keys."""
        self.helm("uninstall", RELEASE, "--wait")
        self.cluster.kubectl("delete", *self.traces(self.cluster).split(), timeout=180)

    def helm(self, *words: str, input: str = "", namespace: str = NAMESPACE) -> str:  # noqa: A002 - as subprocess has it
        """What helm printed. Raises ChartFailed."""
        helm = build.binaries(["helm"], print) / "helm"
        places = (f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={namespace}")
        argv = [*self.cluster.reach, str(helm), *words, *places]
        done = subprocess.run(argv, input=input, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ChartFailed(f"helm {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def restart(self, name: str) -> None:
        """New pods in place of the old ones, which receive SIGTERM."""
        self.kubectl("rollout", "restart", f"deployment/runtime-env-{name}")
        self.kubectl("rollout", "status", f"deployment/runtime-env-{name}", "--timeout=180s", timeout=200)

    def logs(self, name: str) -> str:
        """What the running pods of one Deployment have written."""
        return self.kubectl("logs", f"--selector=app.kubernetes.io/component={name}", "--tail=-1")

    def kubectl(self, *words: str, timeout: float = 60) -> str:
        return self.cluster.kubectl(*words, f"--namespace={NAMESPACE}", timeout=timeout).out
