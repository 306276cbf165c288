"""Both ways of injection, on one release after the other; and what may be done to our own clusters alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from tests.kube.cluster import Cluster, wait
from tests.kube.fixtures import note
from tests.kube.operator_pods import OperatorPods
from tests.node import pods
from tests.node.pods import NEEDS_WEBHOOK, RUN_ENV


@pytest.fixture
def ours(node: Cluster, pytestconfig: pytest.Config) -> Cluster:
    """The node, if all that is in it came from these tests: for those that would take away or replace what is not."""
    if node.tier == "context":
        note(pytestconfig, "removal, cert-manager", "not run: the cluster of RUNTIME_ENV_CONTEXT isn't the tests' own")
        pytest.skip("this would change what the cluster of RUNTIME_ENV_CONTEXT has of its own")
    return node


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
