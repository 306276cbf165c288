"""Injection, read inside running containers: every kind of container, and the controllers that make pods."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from runtimeenv.core import names
from tests import builders
from tests.kube import images
from tests.kube.cluster import Cluster, wait
from tests.node import pods

LABELS = {pods.TARGET_LABEL: "agent"}
DOMAIN = names.DEFAULT_POD_DOMAIN


@pytest.fixture(scope="module")
def namespace(node: Cluster, injection: str) -> Iterator[str]:  # noqa: ARG001 - it must run so
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"inject-{mark}", f"tenant-{mark}") as name:
        pods.define(node, builders.variable(f"{name}/greeting", "GREETING", value="hello $(USER) ${HOME}"))
        yield name


GREETING = "hello $(USER) ${HOME}"


def test_init_sidecar_and_main_containers_all_receive_the_environment(node: Cluster, namespace: str) -> None:
    init = pods.container("init", ("sh", "-c", "env"))
    sidecar = pods.container("sidecar", restartPolicy="Always")
    pods.start(node, pods.pod(f"{namespace}/all-kinds", LABELS, initContainers=[init, sidecar]))
    printed = node.kubectl("logs", "all-kinds", "-n", namespace, "-c", "init").out
    assert f"GREETING={GREETING}" in printed.splitlines()
    for container in ("sidecar", "main"):
        assert pods.environment(node, namespace, "all-kinds", container)["GREETING"] == GREETING


def test_an_ephemeral_container_receives_the_environment(node: Cluster, namespace: str) -> None:
    pods.start(node, pods.pod(f"{namespace}/debugged", LABELS))
    for debugger in ("first", "second"):
        debug = ("debug", "debugged", "-n", namespace, f"--image={images.BUSYBOX}", f"--container={debugger}")
        node.kubectl(*debug, "--", "sh", "-c", "env")
        logs = ("logs", "debugged", "-n", namespace, "-c", debugger)
        wait(lambda logs=logs: f"GREETING={GREETING}" in node.kubectl(*logs).out, f"{debugger} to print")  # type: ignore[misc]


def test_only_the_chosen_containers_receive_the_environment(node: Cluster, namespace: str) -> None:
    annotations = {f"{DOMAIN}/containers": "main"}
    containers = [pods.container(), pods.container("proxy")]
    pods.start(node, pods.pod(f"{namespace}/chosen", LABELS, annotations, containers))
    assert "GREETING" in pods.environment(node, namespace, "chosen", "main")
    assert "GREETING" not in pods.environment(node, namespace, "chosen", "proxy")


def test_an_opted_out_pod_receives_nothing(node: Cluster, namespace: str) -> None:
    pods.start(node, pods.pod(f"{namespace}/out", {**LABELS, f"{DOMAIN}/inject": "false"}))
    assert "GREETING" not in pods.environment(node, namespace, "out")


def test_run_env_wins_is_seen_by_references_and_is_never_expanded(
    node: Cluster, namespace: str, injection: str
) -> None:
    annotations = {pods.RUN_ENV: json.dumps({"GREETING": "$(HOSTNAME) costs $5"})}
    env = [{"name": "GREETING", "value": "the pod's own"}, {"name": "QUOTED", "value": "<$(GREETING)>"}]
    pod = pods.pod(f"{namespace}/run", LABELS, annotations, [pods.container(env=env)])
    if injection == "policy":
        assert pods.NEEDS_WEBHOOK in node.apply(pod, check=False).err
        return
    pods.start(node, pod)
    found = pods.environment(node, namespace, "run")
    assert found["GREETING"] == "$(HOSTNAME) costs $5"
    assert found["QUOTED"] == "<$(HOSTNAME) costs $5>"


def test_the_pods_of_a_deployment_receive_the_environment(node: Cluster, namespace: str) -> None:
    template = pods.template({**LABELS, "app": "x"})
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    metadata = {"name": "x", "namespace": namespace}
    node.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    node.kubectl("rollout", "status", "deployment/x", "-n", namespace, "--timeout=90s", timeout=100)
    found = node.get_json("pods", "-n", namespace, "-l", "app=x")["items"]
    names_of = [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
    assert [pods.environment(node, namespace, name)["GREETING"] for name in names_of] == [GREETING] * 2


def test_the_pod_of_a_job_receives_the_environment(node: Cluster, namespace: str) -> None:
    template = pods.template(LABELS, [pods.container(command=("sh", "-c", "env"))], restartPolicy="Never")
    metadata = {"name": "once", "namespace": namespace}
    node.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}})
    node.kubectl("wait", "--for=condition=Complete", "job/once", "-n", namespace, "--timeout=60s", timeout=70)
    assert f"GREETING={GREETING}" in node.kubectl("logs", "job/once", "-n", namespace).out.splitlines()
