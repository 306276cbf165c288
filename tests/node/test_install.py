"""The release as `helm install` left it: three processes, each with its own account and no more, in a restricted
namespace; any user may run them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kube import chart, images
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import NAMES, OperatorPods

ANY_USER = {"runAsUser": 1000680000, "runAsGroup": 0, "fsGroup": 1000680000}  # as OpenShift chooses them
MOUNTED = {
    "controller": set(),
    "webhook": {
        ("secret", "runtime-env-webhook-tls"),
        ("configMap", "runtime-env-public-key"),
        ("secret", "runtime-env-compare-keys"),
    },
    "api": {("configMap", "runtime-env-public-key")},
}
ASK = "import os; print(os.getuid(), os.getgid())"


def running(operator_pods: OperatorPods, name: str) -> list[Any]:
    """The pods of one process."""
    label = f"app.kubernetes.io/component={name}"
    found: list[Any] = operator_pods.cluster.get_json("pods", "-n", NAMESPACE, "-l", label)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def sources(volume: Any) -> set[tuple[str, str]]:
    """The kinds and names of the objects that a volume shows."""
    projected = volume.get("projected", {}).get("sources", [volume])
    named = {
        (kind, source[kind].get("secretName") or source[kind].get("name"))
        for source in projected
        for kind in ("secret", "configMap")
        if kind in source
    }
    return named | {("token", "") for source in projected if "serviceAccountToken" in source}


def test_the_namespace_refuses_pods_that_are_not_restricted(node: Cluster, operator_pods: OperatorPods) -> None:
    run = ("run", "free", f"--image={images.BUSYBOX}", "--dry-run=server", "-n", NAMESPACE)
    assert 'violates PodSecurity "restricted' in node.kubectl(*run, check=False).err
    assert node.kubectl("run", "free", f"--image={images.BUSYBOX}", "--dry-run=server").out
    assert operator_pods.kubectl("get", "pods", "-o", "name")


@pytest.mark.parametrize("name", NAMES)
def test_each_process_has_its_own_account_and_no_other_secret(operator_pods: OperatorPods, name: str) -> None:
    pods = running(operator_pods, name)
    assert len(pods) == 2
    for pod in pods:
        spec = pod["spec"]
        assert spec["serviceAccountName"] == f"runtime-env-{name}"
        [container] = spec["containers"]
        shown = {volume["name"]: sources(volume) for volume in spec["volumes"]}
        assert set().union(*shown.values()) == {("token", ""), ("configMap", "kube-root-ca.crt")} | MOUNTED[name]
        assert {mount["name"] for mount in container["volumeMounts"]} == set(shown)
        assert [entry["name"] for entry in container["env"] if "secretKeyRef" in entry.get("valueFrom", {})] == []
        assert "envFrom" not in container


@pytest.mark.parametrize("name", ["webhook", "api"])
def test_neither_webhook_nor_api_can_read_the_keyring(node: Cluster, operator_pods: OperatorPods, name: str) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:{running(operator_pods, name)[0]['spec']['serviceAccountName']}"
    can = ("auth", "can-i", "get", "secret/runtime-env-keyring", "-n", NAMESPACE)
    assert node.kubectl(*can, user=account, check=False).out.strip() == "no"


def test_the_api_server_calls_the_webhook_through_its_service(node: Cluster, operator_pods: OperatorPods) -> None:
    assert running(operator_pods, "webhook")
    listed = node.get_json("mutatingwebhookconfigurations")["items"]
    ours = [webhook for found in listed for webhook in found["webhooks"] if ".runtime.miosa.ai" in webhook["name"]]
    assert {webhook["name"].partition(".")[0] for webhook in ours} == {"seal", "inject"}
    for webhook in ours:
        client = webhook["clientConfig"]
        assert "url" not in client
        assert (client["service"]["name"], client["service"]["namespace"]) == ("runtime-env-webhook", NAMESPACE)


@pytest.fixture
def any_users(node: Cluster, operator_pods: OperatorPods) -> Iterator[list[str]]:
    """A further pod of each process, run by a user that no file knows."""
    chosen = {**operator_pods.values, "podSecurityContext": ANY_USER}
    names = []
    for deployment in chart.of_kind(chart.rendered(chosen), "Deployment"):
        template = deployment["spec"]["template"]
        names.append(f"any-user-{deployment['metadata']['name']}")
        # Without its Deployment's labels: no Service leads to it.
        template["metadata"] = {"name": names[-1], "namespace": NAMESPACE, "labels": {"any-user": "true"}}
        node.apply({"apiVersion": "v1", "kind": "Pod", **template})
    yield names
    operator_pods.kubectl("delete", "pod", "--selector=any-user", "--wait=false")


def test_any_user_can_run_the_processes(node: Cluster, any_users: list[str]) -> None:
    ready = ("wait", "--for=condition=Ready", "pod", "--selector=any-user", "--timeout=90s")
    node.kubectl(*ready, "-n", NAMESPACE, timeout=100)
    for name in any_users:
        assert node.kubectl("exec", name, "-n", NAMESPACE, "--", "python3", "-c", ASK).out == "1000680000 0\n"
