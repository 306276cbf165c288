"""The REST API as a pod, reached through its Service from the node's network."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import builders
from tests.cluster import api_client
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import OperatorPods
from tests.node import pods

LABELS = {pods.TARGET_LABEL: "sandbox"}


@dataclass(frozen=True)
class Caller:
    """Whoever asks with curl from the node, with a key of one tenant."""

    node: Cluster
    namespace: str
    key: str

    def ask(self, target: str, *options: str, at: str = "") -> str:
        """The body of an answer of the Service, or of the replica at an address. Fails where there is none."""
        address = at or self.node.get_json("service", "runtime-env-api", "-n", NAMESPACE)["spec"]["clusterIP"]
        options = ("--silent", "--show-error", "--header", f"Authorization: Bearer {self.key}", *options)
        argv = [*self.node.reach, "curl", *options, f"http://{address}{target}"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def variables(self, *options: str, at: str = "") -> Any:
        found = json.loads(self.ask(api_client.BASE, *options, at=at))
        assert "error" not in found, found
        return found["data"]

    def known(self) -> bool:
        """Whether every replica knows the key."""
        replicas = self.node.get_json("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=api")["items"]
        return bool(replicas) and all(self.variables(at=f"{pod['status']['podIP']}:8000") == [] for pod in replicas)


@pytest.fixture(scope="module")
def caller(node: Cluster, operator_pods: OperatorPods) -> Iterator[Caller]:  # noqa: ARG001 - it must run
    if node.tier != "node":
        pytest.skip(f"tier {node.tier}: a Service's address is out of reach from this machine")
    name = f"api-{secrets.token_hex(3)}"
    node.apply(builders.namespace(name, name, home="true"))
    made = Caller(node, name, api_client.issue(node, name))
    wait(made.known, "every replica to know the key")
    yield made
    node.kubectl("delete", "namespace", name, "--wait=false")


def test_what_is_posted_reaches_a_pod(caller: Caller) -> None:
    value = secrets.token_hex(8)
    body = {"scope": "tenant", "target": "sandbox", "name": "POSTED", "value": value}
    [posted] = [caller.variables("--json", json.dumps(body))]
    pods.start(caller.node, pods.pod(f"{caller.namespace}/receiver", LABELS))
    assert pods.environment(caller.node, caller.namespace, "receiver")["POSTED"] == value
    assert caller.variables()[0]["id"] == posted["id"]


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/openapi.json"])
def test_the_document_and_its_page_come_from_the_image(caller: Caller, path: str) -> None:
    code = caller.ask(path, "--output", "/dev/null", "--write-out", "%{http_code}")
    assert code == "200"
