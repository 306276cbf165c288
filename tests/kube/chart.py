"""The chart as objects: rendered by helm, and applied as a user would."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.kube import build
from tests.kube.cluster import Cluster, wait

CHART = Path(__file__).parents[2] / "charts/runtime-env"
NAMESPACE = "runtime-env-system"
HELMS = ("helm", "helm3")  # versions 4 and 3

Object = dict[str, Any]


class ChartFailed(Exception):
    """helm refused the values, or a template is broken; the message is what helm said."""


def rendered(
    values: Mapping[str, Any],
    namespace: str = NAMESPACE,
    *,
    program: str = "helm",
    kubernetes: str = "",
    serving: str = "",
) -> list[Object]:
    """What `helm template` makes of the chart with these values, for a version of Kubernetes.

    `serving` is a group and version that the cluster serves beside Kubernetes' own. Raises ChartFailed.
    """
    version = kubernetes or build.version("k8s.io/kubernetes")
    options = [f"--namespace={namespace}", f"--kube-version={version}", "--include-crds", "--values=-"]
    options += [f"--api-versions={serving}"] if serving else []
    text = _template(tuple(options), json.dumps(values), program)
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


@cache
def _template(options: Sequence[str], values: str, program: str) -> str:
    """Rendered once in a run: most tests ask for the same few."""
    return helm("template", "runtime-env", str(CHART), *options, input=values, program=program)


def notes(values: Mapping[str, Any]) -> str:
    """What helm tells whoever installs the chart with these values. Raises ChartFailed."""
    options = (f"--namespace={NAMESPACE}", "--dry-run=client", "--values=-")
    text = helm("install", "runtime-env", str(CHART), *options, input=json.dumps(values))
    return text.partition("\nNOTES:\n")[2]


def helm(*words: str, input: str = "", program: str = "helm") -> str:  # noqa: A002 - as subprocess names it
    """What helm prints; `program` is one of HELMS. Raises ChartFailed."""
    argv = [str(build.binaries([program], print) / program), *words]
    done = subprocess.run(argv, input=input, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ChartFailed(f"{done.stdout}{done.stderr}".strip())
    return done.stdout


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
    until_served(cluster, crds)
    if rest := [found for found in objects if found not in crds]:
        cluster.apply(rest, *server_side)


def until_served(cluster: Cluster, crds: Iterable[Object]) -> None:
    """Waits until objects of these kinds can be listed.

    That is later than Established; and a kind that is deleted before then stays for minutes, since the API server can't
    tell yet that it has no objects (`storage is (re)initializing`).
    """
    for name in [crd["metadata"]["name"] for crd in crds]:
        wait(lambda name=name: cluster.kubectl("get", name, "-A"), f"{name} to be served")  # type: ignore[misc]
