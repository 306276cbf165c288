"""Tier "context": any running cluster that a kubeconfig of the user names."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.kube import build, pki
from tests.kube.cluster import Cluster, Tier


class NoSuchContext(Exception):
    """No kubeconfig of the user has a usable context of that name."""


def from_context(name: str, folder: Path, progress: Callable[[str], None] = print) -> Cluster:
    """The cluster of a context of $KUBECONFIG or ~/.kube/config; `folder` receives a copy of its credentials. It is
    used as it is, and left running: what tests make in it, they remove."""
    return adopt("context", name, folder, build.binaries(["kubectl"], progress))


def adopt(tier: Tier, context: str, folder: Path, binaries: Path, kubeconfig: Path | None = None) -> Cluster:
    """A Cluster for a context of the given kubeconfig, or of the user's. Raises NoSuchContext."""
    source = [f"--kubeconfig={kubeconfig}"] if kubeconfig else []
    view = [str(binaries / "kubectl"), *source, "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
    done = subprocess.run([*view, f"--context={context}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoSuchContext(f"context {context!r}: {done.stderr.strip()}")
    config = json.loads(done.stdout)
    path = folder / "admin.kubeconfig"
    pki.write_private(path, done.stdout.encode())
    server, ca = _endpoint(config, folder)
    return Cluster(tier=tier, folder=folder, kubeconfig=path, server=server, ca=ca, binaries=binaries)


def _endpoint(config: Any, folder: Path) -> tuple[str, Path]:
    cluster = config["clusters"][0]["cluster"]
    ca = folder / "ca.crt"
    ca.write_bytes(base64.b64decode(cluster.get("certificate-authority-data", "")))
    return cluster["server"], ca
