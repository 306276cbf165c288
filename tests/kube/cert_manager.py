"""A real cert-manager beside a cluster: its controller and CA injector, without its webhook, which only checks input.

Its CRDs are those of the module that the program is built from.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.builders import Manifest
from tests.kube import build, toolchain
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, Running, wait

_RECIPE = build.RECIPES["cert-manager"]


@contextmanager
def started(cluster: Cluster, progress: Callable[[str], None] = print) -> Iterator[Running]:
    """Has cert-manager at work until the block ends; its kinds, and all objects of them, go too."""
    program = build.binaries(["cert-manager"], progress) / "cert-manager"
    crds = [str(path) for path in sorted((_module(progress) / "deploy/crds").glob("*.yaml"))]
    files = [f"--filename={path}" for path in crds]
    cluster.kubectl("apply", "--server-side", *files)
    cluster.kubectl("wait", "--for=condition=Established", *files)
    environment = {"KUBECONFIG": str(cluster.kubeconfig)}
    running = cluster.spawn([program], env=environment, log=cluster.folder / "cert-manager.log")
    try:
        yield running
    finally:
        cluster.kubectl("delete", "--ignore-not-found", *files)
        running.stop()


def manifest(kind: str, name: str, namespace: str = "", **spec: Any) -> Manifest:
    """An object of cert-manager's."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def issued(cluster: Cluster) -> dict[str, str]:
    """The data of the webhook's Secret, once all Certificates are Ready."""
    ready = ("wait", "--for=condition=Ready", "certificates.cert-manager.io", "--all")
    cluster.kubectl(*ready, "-n", NAMESPACE, "--timeout=60s", timeout=70)
    data: dict[str, str] = cluster.get_json("secret", "runtime-env-webhook-tls", "-n", NAMESPACE)["data"]
    return data


def renew(cluster: Cluster, name: str = "runtime-env-webhook") -> None:
    """What `cmctl renew` does: the condition Issuing in a Certificate's status. Returns once it is issued anew."""
    target = (f"certificate.cert-manager.io/{name}", "-n", NAMESPACE)
    status = cluster.get_json(*target)["status"]
    asked = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "asked for by a test"}
    conditions = [*status["conditions"], {**asked, "lastTransitionTime": status["notBefore"]}]
    patch = json.dumps({"status": {"conditions": conditions}})
    cluster.kubectl("patch", *target, "--subresource=status", "--type=merge", "-p", patch)

    def issued_anew() -> bool:
        return int(cluster.get_json(*target)["status"]["revision"]) > int(status["revision"])

    wait(issued_anew, f"cert-manager to renew {name}", timeout=60)


def _module(progress: Callable[[str], None]) -> Path:
    """Where Go keeps the module's files."""
    go = toolchain.go(toolchain.required(_RECIPE.folder / "go.mod"), build.cache(), progress)
    argv = [str(go), "mod", "download", "-json", _RECIPE.module]
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(argv, cwd=_RECIPE.folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise build.BuildFailed(f"go mod download {_RECIPE.module} failed:\n{done.stderr[-2000:]}")
    return Path(json.loads(done.stdout)["Dir"])
