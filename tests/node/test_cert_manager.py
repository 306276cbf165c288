"""The release switched to a real cert-manager and back, by helm's values, with pods being created all the while."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from runtimeenv.core import names
from tests import builders
from tests.kube import cert_manager, chart
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, as_text
from tests.kube.fixtures import teller
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.node import pods
from tests.steady import steadily

LABELS = {pods.TARGET_LABEL: "agent"}
CREATE = ("create", "--dry-run=server", "--output=name", "-f", "-")


@pytest.fixture
def namespace(ours: Cluster, operator_pods: OperatorPods) -> Iterator[str]:  # noqa: ARG001 - it must run
    mark = secrets.token_hex(3)
    with pods.enrolled(ours, f"certified-{mark}", f"tenant-{mark}") as name:
        pods.define(ours, builders.variable(f"{name}/greeting", "GREETING", value="hello"))
        yield name


def serving(node: Cluster) -> dict[str, str]:
    """The data of the webhook's Secret."""
    data: dict[str, str] = node.get_json("secret", names.SERVING_SECRET, "-n", NAMESPACE)["data"]
    return data


def trusted(node: Cluster) -> set[str]:
    """The bundles of both configurations."""
    found = [node.get_json("mutatingwebhookconfiguration", name) for name in ("00-runtime-env", "runtime-env")]
    return {hook["clientConfig"]["caBundle"] for each in found for hook in each["webhooks"]}


def switched(operator_pods: OperatorPods, certificates: str) -> None:
    """`helm upgrade` with another issuer of certificates."""
    value = f"--set=certificates={certificates}"
    operator_pods.helm(
        "upgrade", RELEASE, str(chart.CHART), "--reset-then-reuse-values", value, "--wait", "--timeout=5m"
    )


def test_switching_to_cert_manager_and_back_refuses_no_pod(
    node: Cluster, operator_pods: OperatorPods, namespace: str, pytestconfig: pytest.Config
) -> None:
    probe = as_text(pods.pod(f"{namespace}/probe", LABELS))
    before = serving(node)
    with (
        cert_manager.started(node, teller(pytestconfig)),
        steadily(lambda: node.kubectl(*CREATE, input=probe, check=False).err) as refusals,
    ):
        try:
            switched(operator_pods, "cert-manager")
            issued = cert_manager.issued(node)
            operator_pods.restart("webhook")  # its pods mount what is issued now
            pods.start(node, pods.pod(f"{namespace}/during", LABELS))
        finally:
            switched(operator_pods, "controller")
        pods.start(node, pods.pod(f"{namespace}/after", LABELS))
    assert refusals == []
    assert before["tls.crt"] != issued["tls.crt"], "cert-manager issues"
    assert issued == serving(node), "the controller leaves what is valid"
    assert trusted(node) == {before["ca.crt"]} == {issued["ca.crt"]}, "each adopts the authority that it finds"
    for name in ("during", "after"):
        assert pods.environment(node, namespace, name)["GREETING"] == "hello"
