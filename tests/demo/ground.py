"""What the story stands on: a cluster that stays up, the operator on it, and the commands for both."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from tests.kube import images, operator, operator_image, standing, tiers
from tests.kube.cluster import Cluster, Tier, wait
from tests.kube.operator_pods import NAMES, OperatorPods

REPOSITORY = Path(__file__).parents[2]
NAMESPACES = ("acme", "acme-ws-123")  # of the examples
EXAMPLES_IMAGE = "docker.io/library/busybox:1.37"  # as the examples name it; made of this machine's own busybox


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
    bring_examples_image(up)
    progress("installing the operator from its chart")
    OperatorPods.install(up, {name: {"replicas": 1} for name in NAMES}, progress)
    return up


def clear(up: Cluster) -> None:
    """Removes what an earlier telling left, and waits until it is gone."""
    up.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", timeout=120)


def bring_examples_image(node: Cluster) -> None:
    """Gives the node the image that the examples name."""
    node.load_image(images.write(EXAMPLES_IMAGE, node.folder / "examples.tar", ["/bin/sh"]))


def _keep_processes(up: Cluster) -> None:
    if (up.folder / f"{operator.MOUNTS}.pid").exists():
        return
    launched = operator.plan(up, {})
    standing.keep(up, operator.MOUNTS, operator.mounts_argv(up, launched), {})
    for name, launch in launched.items():
        wait(launch.mounted, f"the Secrets that {name} mounts")
        standing.keep(up, f"runtime-env-{name}", launch.argv, launch.env)
    for name, launch in launched.items():
        wait(launch.ready, f"{name} to be ready (its log: {up.folder}/runtime-env-{name}.log)")


def commands(up: Cluster) -> Path:
    """A folder with `kubectl` and `runtimeenv`, both for this cluster."""
    folder = up.folder / "bin"
    folder.mkdir(exist_ok=True)
    _write(folder / "kubectl", up.kubectl_argv())
    kubeconfig = f"KUBECONFIG={up.kubeconfig}"
    python_path = f"PYTHONPATH={REPOSITORY / 'operator'}"
    _write(folder / "runtimeenv", [*up.reach, "env", kubeconfig, python_path, sys.executable, "-m", "runtimeenv"])
    return folder


def _write(path: Path, argv: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    path.chmod(0o700)
