"""CRDs of others that the chart or an example has objects of: the real ones, from the modules that crds/go.mod pins."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from tests.kube import build, chart, toolchain
from tests.kube.chart import Object
from tests.kube.cluster import Cluster

_FOLDER = Path(__file__).parent / "crds"

OF_THE_CHART: Final = {
    "github.com/cert-manager/cert-manager": (
        "deploy/crds/cert-manager.io_certificates.yaml",
        "deploy/crds/cert-manager.io_issuers.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
# Flux's helm-controller is no module that can be had: its kind is read by its Go type (see `gitops.helm_release`).
OF_GITOPS: Final = {
    "github.com/argoproj/argo-cd/v3": ("manifests/crds/application-crd.yaml",),
    "github.com/fluxcd/kustomize-controller": ("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
    "github.com/fluxcd/source-controller": ("config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",),
}


@contextmanager
def served(cluster: Cluster, files: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
    """The cluster serves the kinds in these files of modules; those that it had already are left as they are.

    Raises BuildFailed.
    """
    there = {found["metadata"]["name"] for found in cluster.get_json("crds")["items"]}
    crds = [crd for crd in _definitions(files) if crd["metadata"]["name"] not in there]
    names = [crd["metadata"]["name"] for crd in crds]
    if crds:
        cluster.apply(crds, "--server-side")
        chart.until_served(cluster, crds)
    yield
    if crds:
        cluster.kubectl("delete", "crd", *names)


def _definitions(files: Mapping[str, tuple[str, ...]]) -> list[Object]:
    paths = (_source(module) / file for module, of_module in files.items() for file in of_module)
    return [found for path in paths for found in yaml.load_all(path.read_text(), yaml.CSafeLoader) if found]


def _source(module: str) -> Path:
    """The folder of a module's files, downloaded if it is not there, and checked against go.sum."""
    go = toolchain.go(toolchain.required(_FOLDER / "go.mod"), build.cache(), print)
    wanted = f"{module}@v{build.version(module, _FOLDER / 'go.mod')}"
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    argv = [str(go), "mod", "download", "-json", wanted]
    done = subprocess.run(argv, cwd=_FOLDER, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise build.BuildFailed(f"go mod download {wanted} failed: {done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])
