"""CRDs of other operators that the chart has objects of: the real ones, from the modules that crds/go.mod pins."""

import json
import os
import subprocess
from pathlib import Path

import yaml

from tests.kube import build, toolchain
from tests.kube.chart import Object

_FOLDER = Path(__file__).parent / "crds"
_FILES = {
    "github.com/cert-manager/cert-manager": (
        "deploy/crds/cert-manager.io_certificates.yaml",
        "deploy/crds/cert-manager.io_issuers.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
}


def definitions() -> list[Object]:
    """The CRDs of cert-manager and of the Prometheus operator. Raises BuildFailed."""
    paths = (_source(module) / file for module, files in _FILES.items() for file in files)
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
