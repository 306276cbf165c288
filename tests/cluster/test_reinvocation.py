"""Another webhook changes the pod after ours: the API server asks ours again, and the pod is wired whole."""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtimeenv.core.patches import add
from runtimeenv.crypto.certificates import issue_authority, issue_serving
from runtimeenv.serving.http import Answer
from runtimeenv.serving.server import Server
from runtimeenv.serving.tls import Certificates
from runtimeenv.webhook.reviews import allowed, patched
from tests import builders
from tests.cluster.writes import create
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator

SANDBOX = {"runtime.miosa.ai/target": "sandbox"}
SETTINGS = {"configMapRef": {"name": "settings"}}
MESH = {"name": "mesh", "image": "busybox:1"}


def mesh(body: bytes) -> Answer:
    """Adds a container in front of the others, and a source in front of theirs; once."""
    request = msgspec.json.decode(body)["request"]
    containers = request["object"]["spec"]["containers"]
    if containers[0]["name"] == "mesh":
        return allowed(request["uid"])
    pushed = [SETTINGS, *containers[0].get("envFrom", [])]
    return patched(request["uid"], [add("/spec/containers/0/envFrom", pushed), add("/spec/containers/0", MESH)])


@pytest.fixture
def mesh_port(tmp_path: Path) -> Iterator[tuple[int, bytes]]:
    """That webhook on loopback: its port and authority."""
    now = datetime.now(UTC)
    authority = issue_authority(now)
    pair = issue_serving(authority, ["127.0.0.1"], now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.private_key)
    certificates = Certificates()
    certificates.load(tmp_path)
    server = Server({("POST", "/"): mesh})
    loop = asyncio.new_event_loop()
    port = loop.run_until_complete(server.start("127.0.0.1", 0, certificates.context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield port, authority.certificate
    asyncio.run_coroutine_threadsafe(server.drain(0, 10), loop).result()  # until the API server has hung up
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def cluster(operator: Operator, mesh_port: tuple[int, bytes]) -> Iterator[Cluster]:
    """The cluster calls it after ours, in namespaces with the label ``mesh`` alone."""
    port, authority = mesh_port
    webhook = {
        "name": "mesh.example.com",
        "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": base64.b64encode(authority).decode()},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"mesh": "true"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "zz-mesh"},
        "webhooks": [webhook],
    }
    operator.cluster.apply(configuration)
    yield operator.cluster
    operator.cluster.kubectl("delete", "mutatingwebhookconfiguration", "zz-mesh")


def test_what_another_webhook_adds_after_ours_is_wired_too(cluster: Cluster) -> None:
    name = f"meshed-{secrets.token_hex(3)}"
    namespace = builders.namespace(name, "acme")
    namespace["metadata"]["labels"]["mesh"] = "true"
    cluster.apply(namespace)
    wait(lambda: cluster.get_json("serviceaccount", "default", "-n", name), "the service account")

    def containers() -> Any:
        done = create(cluster, builders.pod(f"{name}/x", SANDBOX), dry_run=False)
        assert done.code == 0, done.err
        found = cluster.get_json("pod", "x", "-n", name)["spec"]["containers"]
        cluster.kubectl("delete", "pod", "x", "-n", name, "--now")
        return found if len(found) == 2 else None

    first, second = wait(containers, "the other webhook to be called")
    cluster.kubectl("delete", "namespace", name, "--wait=false")
    ours = {"secretRef": {"name": "renv.sandbox", "optional": False}}
    assert first["envFrom"] == [ours]
    assert second["envFrom"] == [ours, SETTINGS]
