"""docs/troubleshooting.md, of what only a kubelet shows: a pod that waits, a container that keeps its values."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests import builders
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import OperatorPods
from tests.node import pods
from tests.symptoms import shown

LABELS = {pods.TARGET_LABEL: "agent"}


@pytest.fixture
def namespace(node: Cluster, operator_pods: OperatorPods) -> Iterator[str]:  # noqa: ARG001 - it must run
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"symptom-{mark}", f"tenant-{mark}") as name:
        yield name


def test_a_pod_waits_for_its_secret_and_starts_once_it_may_be_written(node: Cluster, namespace: str) -> None:
    metadata = {"name": "none", "namespace": namespace}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": {"count/secrets": "0"}},
    }
    node.apply(quota)
    wait(lambda: node.get_json("resourcequota/none", "-n", namespace)["status"]["used"], "the quota to count")
    node.apply(pods.pod(f"{namespace}/waits", LABELS))
    state = ("pod/waits", "-n", namespace)
    reason = "CreateContainerConfigError"
    wait(lambda: reason in str(node.get_json(*state)["status"]), "the kubelet to miss the Secret")
    about = ("events", "-n", namespace, "--field-selector=involvedObject.name=waits,reason=Failed")
    [event, *_] = wait(lambda: node.get_json(*about)["items"], "the Event")
    shown("A pod waits in CreateContainerConfigError", event["message"])
    node.kubectl("delete", "resourcequota/none", "-n", namespace)
    node.kubectl("delete", "renv/renv.agent", "-n", namespace)
    pods.wait_ready(node, namespace, "waits")


def test_a_running_container_keeps_its_values_until_it_restarts(node: Cluster, namespace: str) -> None:
    pods.define(node, builders.variable(f"{namespace}/greeting", "GREETING", value="old"))
    pods.start(node, pods.pod(f"{namespace}/keeps", LABELS))
    pods.define(node, builders.variable(f"{namespace}/greeting", "GREETING", value="new"))
    assert pods.environment(node, namespace, "keeps")["GREETING"] == "old"
    node.kubectl("delete", "pod/keeps", "-n", namespace)
    pods.start(node, pods.pod(f"{namespace}/keeps", LABELS))
    assert pods.environment(node, namespace, "keeps")["GREETING"] == "new"
