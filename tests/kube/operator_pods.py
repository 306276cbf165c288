"""The operator on a node, as a user would have it: the chart as it is, the real image, pods."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.kube import chart, nodefiles, operator_image
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import policies_in_force

NAMES = ("controller", "webhook")


class OperatorPods:
    """The chart's objects on a cluster with a kubelet."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @classmethod
    def install(
        cls, cluster: Cluster, values: Mapping[str, Any] | None = None, progress: Callable[[str], None] = print
    ) -> "OperatorPods":
        """Brings the image to the node, applies the chart with these values, and returns once every pod is ready."""
        image = operator_image.image(progress)
        bring(cluster, image.archive)
        repository, _, tag = image.name.partition(":")
        given = {"image": {"repository": repository, "tag": tag, "pullPolicy": "Never"}, "logLevel": "debug"}
        chart.apply(cluster, chart.rendered({**given, **(values or {})}))
        installed = cls(cluster)
        installed.wait_ready()
        return installed

    def wait_ready(self) -> None:
        """Both Deployments are rolled out, and the policies are in force."""
        for name in NAMES:
            self.kubectl("rollout", "status", f"deployment/runtime-env-{name}", "--timeout=180s", timeout=200)
        wait(lambda: policies_in_force(self.cluster), "the policies to be in force")

    def restart(self, name: str) -> None:
        """New pods in place of the old ones, which receive SIGTERM."""
        self.kubectl("rollout", "restart", f"deployment/runtime-env-{name}")
        self.wait_ready()

    def logs(self, name: str) -> str:
        """What the running pods of one Deployment have written."""
        chosen = ("-l", f"app.kubernetes.io/component={name}", "--tail=-1", "--all-containers")
        return self.kubectl("logs", *chosen)

    def kubectl(self, *words: str, timeout: float = 60) -> str:
        return self.cluster.kubectl(*words, f"--namespace={NAMESPACE}", timeout=timeout).out


def bring(cluster: Cluster, archive: Path) -> None:
    """Imports an image into the node's containerd."""
    address = f"--address={nodefiles.socket(cluster.folder)}"
    subprocess.run(
        ["ctr", address, "--namespace=k8s.io", "images", "import", str(archive)], check=True, capture_output=True
    )
