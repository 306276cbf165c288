"""The chart as objects: rendered by helm, and applied as a user would."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.kube import build
from tests.kube.cluster import Cluster

CHART = Path(__file__).parents[2] / "charts/runtime-env"
NAMESPACE = "runtime-env-system"

Object = dict[str, Any]


class ChartFailed(Exception):
    """helm refused the values, or a template is broken; the message is what helm said."""


def rendered(values: Mapping[str, Any], namespace: str = NAMESPACE) -> list[Object]:
    """What `helm template` makes of the chart with these values. Raises ChartFailed."""
    helm = build.binaries(["helm"], print) / "helm"
    version = build.version("k8s.io/kubernetes")
    options = [f"--namespace={namespace}", f"--kube-version={version}", "--include-crds", "--values=-"]
    argv = [str(helm), "template", "runtime-env", str(CHART), *options]
    done = subprocess.run(argv, input=json.dumps(values), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ChartFailed(done.stderr.strip())
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def notes(values: Mapping[str, Any]) -> str:
    """What helm tells whoever installs the chart with these values. Raises ChartFailed."""
    helm = build.binaries(["helm"], print) / "helm"
    argv = [
        str(helm),
        "install",
        "runtime-env",
        str(CHART),
        f"--namespace={NAMESPACE}",
        "--dry-run=client",
        "--values=-",
    ]
    done = subprocess.run(argv, input=json.dumps(values), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ChartFailed(done.stderr.strip())
    return done.stdout.partition("\nNOTES:\n")[2]


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """Those of one of these kinds."""
    return [found for found in objects if found["kind"] in kinds]


def named(objects: Iterable[Object], kind: str, name: str) -> Object:
    """The one of this kind and name."""
    return next(found for found in of_kind(objects, kind) if found["metadata"]["name"] == name)


def settings(deployment: Object) -> dict[str, str]:
    """The environment variables that a Deployment gives its container as text."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}


def apply(cluster: Cluster, objects: Sequence[Object], namespace: str = NAMESPACE) -> None:
    """Applies the chart's objects: the namespace, then the CRDs, and the rest once both kinds are served."""
    server_side = ("--server-side", "--force-conflicts", "--field-manager=runtime-env-harness")
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    crds = of_kind(objects, "CustomResourceDefinition")
    cluster.apply([made, *crds], *server_side)
    for crd in crds:
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{crd['metadata']['name']}")
    if rest := [found for found in objects if found not in crds]:
        cluster.apply(rest, *server_side)
