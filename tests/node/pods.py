"""Pods of busybox on the node, and the environments that their containers really have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.kube import images
from tests.kube.cluster import Cluster

SLEEP = ("sleep", "86400")
TARGET_LABEL = f"{names.DEFAULT_POD_DOMAIN}/target"
WORKSPACE_LABEL = f"{names.DEFAULT_POD_DOMAIN}/workspace"
PROJECT_LABEL = f"{names.DEFAULT_POD_DOMAIN}/project"
RUN_ENV = f"{names.DEFAULT_POD_DOMAIN}/run-env"
NEEDS_WEBHOOK = "run-env needs the webhook, and this cluster injects by policy: write env in the containers instead"


def container(name: str = "main", command: Sequence[str] = SLEEP, **fields: Any) -> Manifest:
    """A busybox container that waits, unless told otherwise."""
    return {"name": name, "image": images.BUSYBOX, "command": list(command), **fields}


def pod(
    ref: str,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    containers: Sequence[Manifest] = (),
    **spec: Any,
) -> Manifest:
    """A pod of busybox, one container unless told otherwise, that dies at once when it is deleted."""
    made = builders.pod(ref, labels, annotations)
    made["spec"] = {"terminationGracePeriodSeconds": 0, "containers": list(containers) or [container()], **spec}
    return made


def template(labels: Mapping[str, str], containers: Sequence[Manifest] = (), **spec: Any) -> Manifest:
    """The same as a template of a Deployment or a Job."""
    return {"metadata": {"labels": dict(labels)}, "spec": pod("/", labels, None, containers, **spec)["spec"]}


def start(node: Cluster, manifest: Manifest) -> None:
    """Applies a pod, and waits until it is Ready."""
    node.apply(manifest)
    wait_ready(node, manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def wait_ready(node: Cluster, namespace: str, name: str) -> None:
    node.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=90s", timeout=100)


def environment(node: Cluster, namespace: str, pod_name: str, container_name: str = "main") -> dict[str, str]:
    """What a program in the running container finds in its environment."""
    printed = node.kubectl("exec", pod_name, "-n", namespace, "-c", container_name, "--", "env").out
    return dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)


def define(node: Cluster, *variables: Manifest) -> None:
    """Applies variables, and waits until each is Ready."""
    node.apply(variables)
    for variable in variables:
        namespace, name = variable["metadata"]["namespace"], variable["metadata"]["name"]
        wait = ("wait", "--for=condition=Ready", f"rvar/{name}", "-n", namespace, "--timeout=60s")
        node.kubectl(*wait, timeout=70)


def materialized(node: Cluster, namespace: str, name: str) -> list[Any]:
    """The variables that a RuntimeEnv's status lists."""
    found = node.kubectl("get", "renv", name, "-n", namespace, "-o", "json").out
    variables: list[Any] = json.loads(found).get("status", {}).get("variables", [])
    return variables


@contextmanager
def enrolled(node: Cluster, name: str, tenant: str) -> Iterator[str]:
    """A namespace of a whole tenant, gone afterwards."""
    node.apply(builders.namespace(name, tenant))
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")
