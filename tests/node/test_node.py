"""Proofs of the node tier: a real kubelet runs a pod that reaches the API server, and is reached."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kube import images
from tests.kube.cluster import Cluster, wait


@pytest.fixture(scope="module")
def namespace(node: Cluster) -> Iterator[str]:
    name = f"harness-{secrets.token_hex(4)}"
    node.kubectl("create", "namespace", name)
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


def pod(namespace: str, name: str, script: str, **container: Any) -> dict[str, Any]:
    """A pod that runs a shell script once; `container` as in a pod's spec."""
    main = {"name": "main", "image": images.BUSYBOX, "command": ["sh", "-c", script], **container}
    spec = {"restartPolicy": "Never", "containers": [main], "terminationGracePeriodSeconds": 0}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def finished(node: Cluster, namespace: str, name: str) -> str:
    """What a pod's container printed, once it has succeeded."""
    node.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "-n", namespace)
    return node.kubectl("logs", name, "-n", namespace).out


def test_a_pod_has_the_environment_that_its_secret_holds(node: Cluster, namespace: str) -> None:
    value = secrets.token_hex(8)
    node.kubectl("create", "secret", "generic", "greeting", f"--from-literal=GREETING={value}", "-n", namespace)
    node.apply(pod(namespace, "reader", "env", envFrom=[{"secretRef": {"name": "greeting"}}]))
    assert f"GREETING={value}" in finished(node, namespace, "reader").splitlines()


def test_a_pod_waits_for_its_secret_and_then_starts(node: Cluster, namespace: str) -> None:
    node.apply(pod(namespace, "early", "env", envFrom=[{"secretRef": {"name": "late"}}]))
    events = ("events", "-n", namespace, "--field-selector=involvedObject.name=early,reason=Failed")
    wait(lambda: node.get_json(*events)["items"], "the kubelet to miss the Secret")
    node.kubectl("create", "secret", "generic", "late", "--from-literal=ANSWER=42", "-n", namespace)
    assert "ANSWER=42" in finished(node, namespace, "early")


def test_a_pod_reaches_the_api_server_by_its_service(node: Cluster, namespace: str) -> None:
    request = r"printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' | nc -w 5 $KUBERNETES_SERVICE_HOST 443"
    node.apply(pod(namespace, "caller", request))
    assert "HTTP request to an HTTPS server" in finished(node, namespace, "caller")


def test_a_pod_reaches_another_by_a_service(node: Cluster, namespace: str) -> None:
    server = pod(namespace, "server", "while :; do echo hello | nc -l -p 8080; done")
    server["metadata"]["labels"] = {"app": "server"}
    ports = [{"port": 80, "targetPort": 8080}]
    spec = {"selector": {"app": "server"}, "ports": ports}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": namespace},
        "spec": spec,
    }
    node.apply([server, service])
    node.kubectl("wait", "--for=condition=Ready", "pod/server", "-n", namespace)
    address = node.get_json("service", "hello", "-n", namespace)["spec"]["clusterIP"]
    node.apply(pod(namespace, "client", f"until nc -w 2 {address} 80 < /dev/null | grep hello; do sleep 0.2; done"))
    assert finished(node, namespace, "client") == "hello\n"


def test_exec_reaches_into_a_running_container(node: Cluster, namespace: str) -> None:
    node.apply(pod(namespace, "sleeper", "sleep 3600"))
    node.kubectl("wait", "--for=condition=Ready", "pod/sleeper", "-n", namespace)
    assert node.kubectl("exec", "sleeper", "-n", namespace, "--", "echo", "hello").out == "hello\n"


def test_a_program_beside_the_node_reaches_its_api_server(node: Cluster, namespace: str) -> None:
    node.kubectl("create", "serviceaccount", "controller", "-n", namespace)
    kubeconfig = node.service_account_kubeconfig(namespace, "controller")
    log = node.folder / "whoami.log"
    whoami = [f"{node.binaries}/kubectl", f"--kubeconfig={kubeconfig}", "auth", "whoami"]
    program = node.spawn(whoami, env={}, log=log)
    wait(lambda: not program.alive, "kubectl to end")
    assert program.code == 0
    assert f"system:serviceaccount:{namespace}:controller" in log.read_text()
