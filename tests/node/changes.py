"""What happens to a release in its life, each done to its end: new releases, drains, deaths of processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.kube import chart, operator_image
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.kube.retagging import retagged

NEXT = "99.0.0"
FURTHER = "further"
"""A field that variables have in the next release."""
WAIT = ("--wait", "--timeout=5m")


def upgrade(release: OperatorPods) -> None:
    """`helm upgrade` to the next release: a chart of another version and with a wider kind, an image of another tag."""
    cluster = release.cluster
    folder = cluster.folder / "next-release"
    shutil.copytree(chart.CHART, folder, dirs_exist_ok=True)
    described = yaml.safe_load((folder / "Chart.yaml").read_text())
    (folder / "Chart.yaml").write_text(yaml.safe_dump({**described, "version": NEXT, "appVersion": NEXT}))
    _widen(folder / "templates/crds/runtimeenvvars.yaml")
    values = {**release.values, "image": {**release.values["image"], **_next_image(cluster)}}
    with replaced(release):
        release.helm("upgrade", RELEASE, str(folder), *WAIT, "--values=-", input=json.dumps(values))


def _widen(crd: Path) -> None:
    before, found, after = crd.read_text().partition("                enabled:\n")
    assert found, "spec.enabled is not where it was"
    crd.write_text(f"{before}                {FURTHER}: {{type: string}}\n{found}{after}")


def _next_image(cluster: Cluster) -> dict[str, str]:
    """The tag is the chart's appVersion, unless the cluster takes no images from us."""
    if not cluster.loading:
        return {}
    archive = cluster.folder / "next-release.tar"
    retagged(operator_image.image(print), NEXT, archive)
    cluster.load_image(archive)
    archive.unlink()
    return {"tag": ""}


def roll_back(release: OperatorPods) -> None:
    """`helm rollback` to the release before."""
    with replaced(release):
        release.helm("rollback", RELEASE, *WAIT)


def drain_webhook(release: OperatorPods) -> None:
    """A rolling restart."""
    with replaced(release, "webhook"):
        release.restart("webhook")


def drain_api(release: OperatorPods) -> None:
    """A rolling restart."""
    with replaced(release, "api"):
        release.restart("api")


def evict_webhook(release: OperatorPods) -> None:
    """Each of its pods, as `kubectl drain` evicts those of a node: refused by the disruption budget, it asks again."""
    with replaced(release, "webhook"):
        for pod in found(release, "webhook"):
            name = pod["metadata"]["name"]
            wait(partial(_evicted, release, name), f"{name} to be evicted")


def _evicted(release: OperatorPods, name: str) -> bool:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
    release.cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))
    return True


def kill_webhook(release: OperatorPods) -> None:
    """SIGKILL to each, one after the other."""
    for pod in found(release, "webhook"):
        _kill(release, pod)


def kill_api(release: OperatorPods) -> None:
    """SIGKILL to each, one after the other."""
    for pod in found(release, "api"):
        _kill(release, pod)


def kill_leader(release: OperatorPods) -> None:
    """SIGKILL to the controller that is active."""
    _kill(release, leader(release))


def delete_leader(release: OperatorPods) -> None:
    """The pod of the controller that is active goes, and another takes over."""
    gone = leader(release)
    release.kubectl("delete", "pod", gone["metadata"]["name"])
    wait(lambda: leader(release)["metadata"]["uid"] != gone["metadata"]["uid"], "another leader")
    release.kubectl("rollout", "status", "deployment/runtime-env-controller", "--timeout=120s", timeout=130)


def found(release: OperatorPods, component: str = "") -> list[Any]:
    """The pods of the release, or of one component."""
    selector = ("-l", f"app.kubernetes.io/component={component}") if component else ()
    pods: list[Any] = release.cluster.get_json("pods", "-n", NAMESPACE, *selector)["items"]
    return pods


def leader(release: OperatorPods) -> Any:
    """The pod whose UID the Lease has."""
    holder = release.cluster.get_json("lease", "runtime-env-controller", "-n", NAMESPACE)["spec"]["holderIdentity"]
    return next(pod for pod in found(release, "controller") if pod["metadata"]["uid"] == holder)


@contextmanager
def replaced(release: OperatorPods, component: str = "") -> Iterator[None]:
    """At the end of the block it waits until every pod of before is gone, and those that there are are ready."""
    before = {pod["metadata"]["uid"] for pod in found(release, component)}
    yield
    wait(lambda: _settled(release, component, before), "the pods to be replaced", timeout=180)


def _settled(release: OperatorPods, component: str, before: set[str]) -> bool:
    now = found(release, component)
    return not before & {pod["metadata"]["uid"] for pod in now} and all(_ready(pod) for pod in now)


def _ready(pod: Any) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _kill(release: OperatorPods, pod: Any) -> None:
    """Its process dies, and its container is started again. The node's processes are this machine's, too."""
    [status] = pod["status"]["containerStatuses"]
    container = status["containerID"].rpartition("/")[2]
    [process] = [path for path in Path("/proc").glob("[0-9]*") if container in _groups(path)]
    os.kill(int(process.name), signal.SIGKILL)
    wait(lambda: _restarted(release, pod["metadata"]["name"], status["restartCount"]), "the container to be back")


def _groups(process: Path) -> str:
    try:
        return (process / "cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _restarted(release: OperatorPods, name: str, before: int) -> bool:
    pod = release.cluster.get_json("pod", name, "-n", NAMESPACE)
    return _ready(pod) and pod["status"]["containerStatuses"][0]["restartCount"] > before
