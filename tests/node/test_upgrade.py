"""A release upgraded, rolled back and restarted while pods and plaintexts come in steadily: none is refused."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from tests import builders
from tests.kube import chart
from tests.kube.cluster import Cluster, as_text, wait
from tests.kube.operator_pods import NAMES, RELEASE, OperatorPods
from tests.node import pods
from tests.steady import steadily

LABELS = {pods.TARGET_LABEL: "agent"}
CREATE = ("create", "--dry-run=server", "--output=name", "-f", "-")
NEXT = {"podAnnotations": {"release": "next"}}  # makes new pods of the same code
WAIT = ("--wait", "--timeout=5m")


@pytest.fixture(scope="module")
def namespace(node: Cluster, operator_pods: OperatorPods) -> Iterator[str]:  # noqa: ARG001 - it must run
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"upgraded-{mark}", f"tenant-{mark}") as name:
        pods.define(node, builders.variable(f"{name}/greeting", "GREETING", value="hello"))
        yield name


def derived(node: Cluster, namespace: str) -> dict[str, str]:
    """The operator's Secrets of the namespace, with their versions."""
    metadata = [found["metadata"] for found in node.get_json("secrets", "-n", namespace)["items"]]
    return {m["name"]: m["resourceVersion"] for m in metadata if m["name"].startswith(("rvar.", "renv."))}


def running(operator_pods: OperatorPods) -> set[str]:
    """The operator's pods that there are."""
    return set(operator_pods.kubectl("get", "pods", "-o", "name").split())


def test_no_pod_and_no_plaintext_is_refused_while_all_processes_are_replaced(
    node: Cluster, operator_pods: OperatorPods, namespace: str
) -> None:
    pods.start(node, pods.pod(f"{namespace}/before", LABELS))
    before, first = derived(node, namespace), running(operator_pods)
    revision = json.loads(operator_pods.helm("history", RELEASE, "-o", "json"))[-1]["revision"]
    probe = as_text(pods.pod(f"{namespace}/probe", LABELS))
    plaintext = as_text(builders.variable(f"{namespace}/probe", "PROBE", value="x"))
    with (
        steadily(lambda: node.kubectl(*CREATE, input=probe, check=False).err) as pods_refused,
        steadily(lambda: node.kubectl(*CREATE, input=plaintext, check=False).err) as plaintexts_refused,
    ):
        annotated = {name: {**operator_pods.values.get(name, {}), **NEXT} for name in NAMES}
        again = json.dumps({**operator_pods.values, **annotated})
        operator_pods.helm("upgrade", RELEASE, str(chart.CHART), *WAIT, "--values=-", input=again)
        wait(lambda: not running(operator_pods) & first, "every pod of the release before to be gone")
        operator_pods.helm("rollback", RELEASE, str(revision), *WAIT)
        operator_pods.restart("webhook")
    assert (pods_refused, plaintexts_refused) == ([], [])
    assert derived(node, namespace) == before
    pods.start(node, pods.pod(f"{namespace}/after", LABELS))
    assert pods.environment(node, namespace, "after")["GREETING"] == "hello"
