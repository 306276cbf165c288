"""What a removal by hand leaves is mended by `helm install`, as docs/operations.md says."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import builders
from tests.demo import ground
from tests.documents import commands, section
from tests.kube import chart
from tests.kube.chart import NAMESPACE, ChartFailed
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import RELEASE, RESTRICTED, OperatorPods
from tests.node import pods
from tests.symptoms import shown
from tests.typist import Typist

LABELS = {pods.TARGET_LABEL: "agent"}
CRDS = ("crd/runtimeenvvars.runtime.miosa.ai", "crd/runtimeenvs.runtime.miosa.ai")
CONFIGURATIONS = ("00-runtime-env", "runtime-env")


@pytest.fixture
def typist(ours: Cluster, tmp_path: Path) -> Typist:
    return Typist(ground.commands(ours), tmp_path)


@pytest.fixture(scope="module")
def mended(node: Cluster, operator_pods: OperatorPods) -> Iterator[OperatorPods]:
    """In the end the operator's namespace is restricted again."""
    yield operator_pods
    node.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
    operator_pods.upgrade()


@pytest.fixture
def namespace(ours: Cluster, mended: OperatorPods) -> Iterator[str]:  # noqa: ARG001 - it must run
    """A tenant's, with one variable and a pod that has it."""
    mark = secrets.token_hex(3)
    with pods.enrolled(ours, f"badly-{mark}", f"tenant-{mark}") as name:
        pods.define(ours, builders.variable(f"{name}/greeting", "GREETING", value="hello"))
        pods.start(ours, pods.pod(f"{name}/before", LABELS))
        yield name


def install(operator_pods: OperatorPods, *options: str) -> None:
    values = json.dumps(operator_pods.values)
    operator_pods.helm("install", RELEASE, str(chart.CHART), "--create-namespace", *options, "--values=-", input=values)


def refused(node: Cluster, namespace: str) -> str:
    return node.apply(pods.pod(f"{namespace}/refused", LABELS), "--dry-run=server", check=False).err


def says(operator_pods: OperatorPods, text: str) -> bool:
    return text in operator_pods.logs("controller")


def unmounted(node: Cluster, volume: str) -> str:
    """What the kubelet says of a volume of ours that it can't mount; nothing if it could."""
    failed = node.get_json("events", "-n", NAMESPACE, "--field-selector=reason=FailedMount")["items"]
    return next((event["message"] for event in failed if f'volume "{volume}"' in event["message"]), "")


def rollouts(operator_pods: OperatorPods) -> None:
    for deployment in ("controller", "webhook", "api"):
        status = ("rollout", "status", f"deployment/runtime-env-{deployment}", "--timeout=180s")
        operator_pods.kubectl(*status, timeout=200)


def derived(node: Cluster, namespace: str) -> dict[str, str]:
    """The Secrets that the operator made there, with their versions."""
    listed = node.get_json("secrets", "-n", namespace)["items"]
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed}


def delivered(node: Cluster, namespace: str, name: str) -> dict[str, str]:
    """Of the environment of a new pod, what two variables say: the old one, and one that is defined now."""
    pods.define(node, builders.variable(f"{namespace}/{name}", "NEW", value=name))
    pods.start(node, pods.pod(f"{namespace}/{name}", LABELS))
    found = pods.environment(node, namespace, name)
    return {key: found[key] for key in ("GREETING", "NEW") if key in found}


def estrange(node: Cluster, name: str) -> None:
    """Leaves a webhook configuration without helm's marks, and with the bundle of another authority."""
    target = ("mutatingwebhookconfiguration", name)
    node.kubectl("annotate", *target, "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-")
    node.kubectl("label", *target, "app.kubernetes.io/managed-by-")
    bundle = base64.b64encode(node.ca.read_bytes()).decode()
    operations = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]
    node.kubectl("patch", *target, "--type=json", "-p", json.dumps(operations))


def test_a_namespace_that_was_deleted_comes_back_with_its_keys(
    ours: Cluster, operator_pods: OperatorPods, namespace: str, typist: Typist, tmp_path: Path
) -> None:
    [backup] = [line for line in commands(Path("docs/operations.md")) if line.endswith("> keys.yaml")]
    typist.type(backup)
    metadata = {"name": "held", "namespace": NAMESPACE, "finalizers": ["example.com/held"]}
    ours.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    before = derived(ours, namespace)
    typist.type(f"kubectl delete namespace {NAMESPACE} --wait=false")
    wait(lambda: 'service "runtime-env-webhook" not found' in refused(ours, namespace), "the Service to go")
    shown("A pod is refused: the operator's namespace is gone", refused(ours, namespace))
    with pytest.raises(ChartFailed) as stuck:
        install(operator_pods)
    shown("The namespace is being deleted", str(stuck.value))
    assert "example.com/held" in typist.type(f"kubectl get namespace {NAMESPACE} -o yaml")
    ours.kubectl("patch", "configmap/held", "-n", NAMESPACE, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    ours.kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=60s")
    install(operator_pods)
    shown("The webhook waits for its certificate", wait(lambda: unmounted(ours, "tls"), "the kubelet to miss it"))
    wait(lambda: says(operator_pods, "restore it from a backup"), "the controller to say what is missing")
    typist.type(f"kubectl create -f {tmp_path}/keys.yaml")
    rollouts(operator_pods)
    assert derived(ours, namespace) == before
    assert delivered(ours, namespace, "restored") == {"GREETING": "hello", "NEW": "restored"}


def test_values_whose_keys_are_lost_are_given_up(
    ours: Cluster, operator_pods: OperatorPods, namespace: str, typist: Typist
) -> None:
    ours.kubectl("delete", "namespace", NAMESPACE, timeout=90)
    install(operator_pods)
    wait(lambda: says(operator_pods, "restore it from a backup"), "the controller to say what is missing")
    for line in section("Removed badly"):
        typist.type(line)
    rollouts(operator_pods)
    assert delivered(ours, namespace, "afresh") == {"NEW": "afresh"}


def test_what_helm_does_not_know_is_taken_over_and_trusted_again(
    ours: Cluster, operator_pods: OperatorPods, namespace: str
) -> None:
    ours.kubectl("delete", "namespace", NAMESPACE, timeout=90)
    ours.kubectl("delete", *CRDS, timeout=90)
    for name in CONFIGURATIONS:
        estrange(ours, name)
    with pytest.raises(ChartFailed) as unknown:
        install(operator_pods)
    shown("Something is left over", str(unknown.value))
    install(operator_pods, "--take-ownership", "--wait", "--timeout=5m")
    assert delivered(ours, namespace, "again") == {"NEW": "again"}
