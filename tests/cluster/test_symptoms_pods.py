"""docs/troubleshooting.md, of pods: each refusal is produced on the real API server, and compared with the document."""

from __future__ import annotations

import base64
import copy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from runtimeenv.crypto.certificates import issue_authority
from tests import builders
from tests.builders import Manifest
from tests.cluster import homes
from tests.cluster.homes import Home
from tests.cluster.writes import create
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import wait
from tests.kube.operator import Operator
from tests.symptoms import shown

DOMAIN = "runtime.miosa.ai"
SANDBOX = {f"{DOMAIN}/target": "sandbox"}
STRANGER = base64.b64encode(issue_authority(datetime.now(UTC)).certificate).decode()


@pytest.fixture(scope="module")
def team(operator: Operator) -> Iterator[Home]:
    """A namespace of workspace ws_1, which lists no project."""
    with homes.new(operator, "ws_1", tenant="acme") as made:
        account = ("serviceaccount", "default", "-n", made.namespace)
        wait(lambda: operator.cluster.get_json(*account), "the service account")
        yield made


def refusal(home: Home, labels: dict[str, str], annotations: dict[str, str] | None = None) -> str:
    """What whoever creates such a pod reads."""
    done = create(home.cluster, builders.pod(f"{home.namespace}/x", SANDBOX | labels, annotations))
    assert done.code != 0, "it was accepted"
    return done.err


def test_a_namespace_that_is_not_enrolled(operator: Operator) -> None:
    said = create(operator.cluster, builders.pod("default/x", SANDBOX)).err
    shown("A pod is refused: namespace not enrolled", said)


def test_labels_that_contradict_the_namespace(team: Home) -> None:
    said = refusal(team, {f"{DOMAIN}/workspace": "ws_2"})
    shown("A pod is refused: its workspace is not the namespace's", said)
    said = refusal(team, {f"{DOMAIN}/project": "blog"})
    shown("A pod is refused: its project is not the namespace's", said)


def test_a_target_that_there_is_not(team: Home) -> None:
    shown("A pod is refused: no such target", refusal(team, {f"{DOMAIN}/target": "vm"}))


def test_annotations_out_of_form(team: Home) -> None:
    shown("A pod is refused: no such container", refusal(team, {}, {f"{DOMAIN}/containers": "man"}))
    shown("A pod is refused: run-env is no JSON", refusal(team, {}, {f"{DOMAIN}/run-env": "RUN_ID=42"}))


def test_two_hundred_environments(operator: Operator) -> None:
    with homes.new(operator) as home:
        account = ("serviceaccount", "default", "-n", home.namespace)
        wait(lambda: operator.cluster.get_json(*account), "the service account")
        shapes = [(f"p{number:03}", f"renv.sandbox.p-p{number:03}") for number in range(200)]
        home.apply(*(builders.runtime_env(f"{home.namespace}/{name}", projectId=project) for project, name in shapes))
        # The controller hears of pods and of RuntimeEnvs by two watches: it must have seen all 200 before.
        wait(lambda: all("secretName" in e.get("status", {}) for e in home.items("runtimeenvs")), "all to be written")
        home.apply(builders.pod(f"{home.namespace}/x", SANDBOX))
        about = "--field-selector=involvedObject.kind=Pod,reason=TooManyRuntimeEnvs"
        [event] = wait(lambda: home.items("events", about), "the Event on the pod")
        shown("A pod waits, and its namespace has 200 RuntimeEnvs", event["message"])


@contextmanager
def also_called(home: Home, **changes: Any) -> Iterator[None]:
    """The webhook of pods a second time, for this namespace alone, where the API server reaches it otherwise."""
    found = home.cluster.get_json("mutatingwebhookconfiguration", "runtime-env")
    made: Manifest = copy.deepcopy({key: found[key] for key in ("apiVersion", "kind", "webhooks")})
    made["metadata"] = {"name": f"symptom-{home.namespace}"}
    [webhook] = made["webhooks"]
    webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": home.namespace}}
    webhook["clientConfig"] |= changes.pop("clientConfig", {})
    webhook["clientConfig"] = {key: value for key, value in webhook["clientConfig"].items() if value}
    webhook.update(changes)
    home.cluster.apply(made)
    try:
        wait(lambda: create(home.cluster, builders.pod(f"{home.namespace}/x", SANDBOX)).code != 0, "it to be called")
        yield
    finally:
        home.cluster.kubectl("delete", "mutatingwebhookconfiguration", made["metadata"]["name"])


def test_a_process_that_is_away_refuses_pods_and_plaintext(team: Home, operator: Operator) -> None:
    operator.webhook.stop()
    try:
        shown("A pod is refused: no webhook process", refusal(team, {}))
        variable = builders.variable(f"{team.namespace}/x", scope="workspace", workspaceId="ws_1", value="x")
        shown("A write is refused: the webhook is away", create(team.cluster, variable).err)
    finally:
        operator.launch("webhook")
        wait(operator.launches["webhook"].ready, "the webhook to be ready")


def test_no_pod_of_the_webhook_is_ready(team: Home) -> None:
    service = {"name": "runtime-env-webhook", "namespace": NAMESPACE, "path": "/inject", "port": 443}
    with also_called(team, clientConfig={"url": None, "service": service}):
        shown("A pod is refused: no webhook pod is ready", refusal(team, {}))


def test_a_certificate_of_another_authority(team: Home) -> None:
    with also_called(team, clientConfig={"caBundle": STRANGER}):
        shown("A pod is refused: the webhook is not trusted", refusal(team, {}))


def test_an_address_where_nobody_answers(team: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/inject"
        with also_called(team, clientConfig={"url": url}, timeoutSeconds=1):
            shown("A pod is refused: the webhook does not answer in time", refusal(team, {}))


def test_a_webhook_without_keys(team: Home, operator: Operator) -> None:
    # It is called once the kubelet had its time to bring them: the unit tests see that.
    said = sealed_elsewhere(team, operator, "the keys that seal", RUNTIME_ENV_PUBLIC_KEY_FOLDER="/nowhere")
    shown("A write is refused: the webhook has no keys", said)


def test_a_webhook_that_takes_no_plaintext(team: Home, operator: Operator) -> None:
    said = sealed_elsewhere(team, operator, RUNTIME_ENV_PLAINTEXT_POLICY="Deny")
    shown("A write is refused: no plaintext in this cluster", said)


def sealed_elsewhere(home: Home, operator: Operator, lacking: str = "", **settings: str) -> str:
    """The answer to a plaintext, once a replica with these settings is called before all others."""
    found = home.cluster.get_json("mutatingwebhookconfiguration", "00-runtime-env")
    made: Manifest = copy.deepcopy({key: found[key] for key in ("apiVersion", "kind", "webhooks")})
    made["metadata"] = {"name": f"00-a-symptom-{home.namespace}"}
    [webhook] = made["webhooks"]
    webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": home.namespace}}
    variable = builders.variable(f"{home.namespace}/x", scope="workspace", workspaceId="ws_1", value="x")
    with operator.replica("webhook", lacking, **settings) as launch:
        webhook["clientConfig"]["url"] = f"https://127.0.0.1:{launch.webhook_port}/seal"
        home.cluster.apply(made)
        try:
            return wait(lambda: create(home.cluster, variable).err, "the replica to be called")
        finally:
            home.cluster.kubectl("delete", "mutatingwebhookconfiguration", made["metadata"]["name"])
