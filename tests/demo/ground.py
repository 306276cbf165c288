"""What the story stands on: a cluster that stays up, the operator on it, and the commands for both."""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.kube import controlplane, images, operator, operator_image, operator_pods, standing, tiers
from tests.kube.cluster import Cluster, Tier, wait
from tests.kube.operator_pods import OperatorPods

REPOSITORY = Path(__file__).parents[2]
NAMESPACES = ("acme", "acme-gitops", "acme-ws-123")  # of the examples
VALUES = {"controller": {"replicas": 1}, "webhook": {"replicas": 1}, "api": {"enabled": True, "replicas": 1}}
_API = "api.url"  # in the cluster's folder


def tier() -> tuple[Tier, str]:
    """The fullest tier on which the operator can run here; why it is not a fuller one, as a clause, or nothing."""
    fullest = tiers.fullest()
    if fullest == "control-plane":
        return fullest, str(tiers.lacking("node"))
    reason = operator_image.lacking()
    return ("control-plane", reason) if reason else (fullest, "")


def prepare(wanted: Tier, progress: Callable[[str], None]) -> Cluster:
    """A cluster of that tier with the operator on it; both may be there already."""
    if wanted == "control-plane":
        up = standing.up(wanted, [], progress)
        _keep_processes(up)
        return up
    operator_image.image(progress)
    up = standing.up(wanted, [], progress)
    up.load_image(images.busybox(up.folder))  # the examples' pods are made of it
    progress("installing the operator from its chart")
    OperatorPods.install(up, VALUES, progress)
    _keep_forwarding(up)
    return up


def api(up: Cluster) -> str:
    """Where the REST API is found by the `curl` of `commands`, as http://address:port."""
    return (up.folder / _API).read_text()


def clear(up: Cluster) -> None:
    """Removes what an earlier telling left, and waits until it is gone."""
    up.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", timeout=120)


def _keep_processes(up: Cluster) -> None:
    if (up.folder / f"{operator.MOUNTS}.pid").exists():
        return
    launched = operator.plan(up, VALUES)
    standing.keep(up, operator.MOUNTS, operator.mounts_argv(up, launched), {})
    for name, launch in launched.items():
        wait(launch.mounted, f"the Secrets that {name} mounts")
        standing.keep(up, f"runtime-env-{name}", launch.argv, launch.env)
    for name, launch in launched.items():
        wait(launch.ready, f"{name} to be ready (its log: {up.folder}/runtime-env-{name}.log)")
    (up.folder / _API).write_text(f"http://127.0.0.1:{launched['api'].api_port}")


def _keep_forwarding(up: Cluster) -> None:
    if (up.folder / _API).exists():
        return
    [port] = controlplane.free_ports(1)
    standing.keep(up, "api-forward", operator_pods.forwarding(up, port), {})
    (up.folder / _API).write_text(f"http://127.0.0.1:{port}")


def commands(up: Cluster) -> Path:
    """A folder with `kubectl`, `runtimeenv` and, where it must be told how to reach the cluster, `curl`."""
    folder = up.folder / "bin"
    folder.mkdir(exist_ok=True)
    _write(folder / "kubectl", up.kubectl_argv())
    kubeconfig = f"KUBECONFIG={up.kubeconfig}"
    python_path = f"PYTHONPATH={REPOSITORY / 'operator'}"
    _write(folder / "runtimeenv", [*up.reach, "env", kubeconfig, python_path, sys.executable, "-m", "runtimeenv"])
    if up.reach:
        _write(folder / "curl", [*up.reach, str(shutil.which("curl"))])
    return folder


def _write(path: Path, argv: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    path.chmod(0o700)
