"""Tier "kind": a cluster in Docker containers (kind.sigs.k8s.io), from deploy/kind.yaml.

The engine fetches kind's node image from its own registry. Secrets are not encrypted at rest there, and etcd's files
are out of reach.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kube import build, existing, images
from tests.kube.cluster import Cluster

PROGRAMS = ("kind", "kubectl", "helm")
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "kind.yaml"


class KindFailed(Exception):
    """kind ended with an error; the message is the end of what it said."""


def lacking() -> str | None:
    """Why this tier can't run here, as a clause; None where it can."""
    if not images.usable():
        return "it lacks busybox-static, for its test image: apt-get install busybox-static"
    if shutil.which("docker") is None:
        return "there is no docker"
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "no Docker engine answers"


def create(folder: Path, archives: Sequence[Path], progress: Callable[[str], None]) -> Cluster:
    """A cluster named after the folder, with the images of these tar files. Raises KindFailed."""
    binaries = build.binaries(PROGRAMS, progress)
    program, name = binaries / "kind", name_of(folder)
    kubeconfig = folder / "kind.kubeconfig"
    progress("creating a kind cluster: the first time, Docker fetches its node image (1 GB)")
    options = [f"--name={name}", f"--config={CONFIGURATION}", f"--kubeconfig={kubeconfig}", "--wait=180s"]
    _run(program, "create", "cluster", *options)
    cluster = existing.adopt("kind", f"kind-{name}", folder, binaries, kubeconfig)
    cluster.loading = (str(program), "load", "image-archive", f"--name={name}")
    for archive in archives:
        cluster.load_image(archive)
    return cluster


def delete(folder: Path) -> None:
    """Removes the cluster named after the folder, if there is one."""
    _run(build.binaries(PROGRAMS, print) / "kind", "delete", "cluster", f"--name={name_of(folder)}")


def name_of(folder: Path) -> str:
    """A kind cluster's name: lower case, digits, dots and dashes."""
    return f"runtime-env-{folder.name.lower().replace('_', '-')}"


def _run(program: Path, *words: str) -> None:
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KindFailed(f"kind {' '.join(words[:2])}: {done.stderr.strip()[-1000:]}")
