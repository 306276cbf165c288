"""docs/troubleshooting.md, of what only a kubelet shows: a pod that waits, a container that keeps its values."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from tests import builders
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import OperatorPods
from tests.node import changes, pods
from tests.symptoms import shown

LABELS = {pods.TARGET_LABEL: "agent"}


@pytest.fixture
def namespace(node: Cluster, operator_pods: OperatorPods) -> Iterator[str]:  # noqa: ARG001 - it must run
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"symptom-{mark}", f"tenant-{mark}") as name:
        yield name


def test_a_pod_waits_for_its_secret_and_starts_once_a_controller_has_written_it(
    node: Cluster, operator_pods: OperatorPods, namespace: str
) -> None:
    pods.define(node, builders.variable(f"{namespace}/greeting", "GREETING", target="agent", value="hello"))
    operator_pods.kubectl("scale", "deployment/runtime-env-controller", "--replicas=0")
    wait(lambda: not changes.found(operator_pods, "controller"), "the controllers to end")
    node.apply(pods.pod(f"{namespace}/waits", LABELS))
    reason = "CreateContainerConfigError"
    wait(lambda: reason in str(node.get_json("pod/waits", "-n", namespace)["status"]), "the kubelet to miss the Secret")
    about = ("events", "-n", namespace, "--field-selector=involvedObject.name=waits,reason=Failed")
    [event, *_] = wait(lambda: node.get_json(*about)["items"], "the Event")
    shown("A pod waits in CreateContainerConfigError", event["message"])
    operator_pods.kubectl("scale", "deployment/runtime-env-controller", "--replicas=2")
    pods.wait_ready(node, namespace, "waits")
    assert pods.environment(node, namespace, "waits")["GREETING"] == "hello"


def test_an_image_that_nobody_pushed(ours: Cluster, operator_pods: OperatorPods) -> None:
    nowhere = {"name": "api", "image": "127.0.0.1:1/runtime-env:absent", "imagePullPolicy": "IfNotPresent"}
    change = {"spec": {"template": {"spec": {"containers": [nowhere]}}}}
    operator_pods.kubectl("patch", "deployment/runtime-env-api", "-p", json.dumps(change))

    def message() -> str:
        statuses = [pod["status"] for pod in ours.get_json("pods", "-n", NAMESPACE)["items"]]
        containers = [container for status in statuses for container in status.get("containerStatuses", [])]
        waiting = [container["state"].get("waiting", {}) for container in containers]
        return next((found["message"] for found in waiting if found.get("reason") == "ImagePullBackOff"), "")

    try:
        shown("The image can't be pulled", wait(message, "the kubelet to back off"))
    finally:
        operator_pods.kubectl("rollout", "undo", "deployment/runtime-env-api")
        operator_pods.kubectl("rollout", "status", "deployment/runtime-env-api", "--timeout=90s", timeout=100)


def test_a_running_container_keeps_its_values_until_it_restarts(node: Cluster, namespace: str) -> None:
    pods.define(node, builders.variable(f"{namespace}/greeting", "GREETING", value="old"))
    pods.start(node, pods.pod(f"{namespace}/keeps", LABELS))
    pods.define(node, builders.variable(f"{namespace}/greeting", "GREETING", value="new"))
    assert pods.environment(node, namespace, "keeps")["GREETING"] == "old"
    node.kubectl("delete", "pod/keeps", "-n", namespace)
    pods.start(node, pods.pod(f"{namespace}/keeps", LABELS))
    assert pods.environment(node, namespace, "keeps")["GREETING"] == "new"
