"""The webhook in the network of the nodes, where the API server calls it at a node's address and its own ports."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests import builders
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import RESTRICTED, OperatorPods
from tests.node import pods

PORTS = {"https": 10460, "probes": 10461}
WEBHOOK = "--selector=app.kubernetes.io/component=webhook"


@pytest.fixture
def in_the_network_of_the_node(node: Cluster, operator_pods: OperatorPods) -> Iterator[None]:
    """One replica, since a node's ports are one pod's, in a namespace that lets it be."""
    node.kubectl("label", "namespace", NAMESPACE, *(f"{label}-" for label in RESTRICTED))
    operator_pods.upgrade({"webhook": {"hostNetwork": True, "ports": PORTS, "replicas": 1}})
    yield
    operator_pods.upgrade()
    node.kubectl("label", "namespace", NAMESPACE, *(f"{label}={level}" for label, level in RESTRICTED.items()))


@pytest.mark.usefixtures("in_the_network_of_the_node")
def test_a_webhook_in_the_network_of_the_node_seals_and_injects(node: Cluster) -> None:
    found = node.get_json("pods", f"--namespace={NAMESPACE}", WEBHOOK)["items"]
    [status] = [pod["status"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
    assert status["podIP"] == status["hostIP"]
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"host-{mark}", f"tenant-{mark}") as namespace:
        pods.define(node, builders.variable(f"{namespace}/greeting", "GREETING", value="hello"))
        pods.start(node, pods.pod(f"{namespace}/asks", {pods.TARGET_LABEL: "sandbox"}))
        assert pods.environment(node, namespace, "asks")["GREETING"] == "hello"
