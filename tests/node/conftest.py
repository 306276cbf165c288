"""Both ways of injection, on one release after the other."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import OperatorPods
from tests.node import pods
from tests.node.pods import NEEDS_WEBHOOK, RUN_ENV


@pytest.fixture(scope="module", params=["webhook", "policy"])
def injection(request: pytest.FixtureRequest, node: Cluster, operator_pods: OperatorPods) -> Iterator[str]:
    """The release injects so for the tests of a module, and by the webhook afterwards."""
    if request.param == "webhook":
        yield "webhook"
        return
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"modes-{mark}", f"tenant-{mark}") as namespace:
        operator_pods.upgrade({"injection": "policy"})
        wait(lambda: NEEDS_WEBHOOK in _answer(node, namespace, run_env=True), "the webhook to be called no longer")
        wait(lambda: "created" in _answer(node, namespace, run_env=False), "the policy to inject")
        yield "policy"
        operator_pods.upgrade()
        wait(lambda: "created" in _answer(node, namespace, run_env=True), "the webhook to be called")


def _answer(node: Cluster, namespace: str, *, run_env: bool) -> str:
    """What the API server says to a labelled pod."""
    annotations = {RUN_ENV: json.dumps({"X": "1"})} if run_env else {}
    probe = pods.pod(f"{namespace}/probe", {pods.TARGET_LABEL: "sandbox"}, annotations)
    answer = node.apply(probe, "--dry-run=server", check=False)
    return answer.out + answer.err
