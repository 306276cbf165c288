"""From an empty cluster to an injected pod, by processes that are started too early and killed at every step."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from runtimeenv.core import names
from tests import builders
from tests.cluster.writes import create
from tests.kube import chart, controlplane, operator, state
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator

# What the controller makes on its first start.
STEPS = (
    f"secret/{names.KEK_SECRET}",
    f"secret/{names.KEYRING_SECRET}",
    f"configmap/{names.PUBLIC_KEY_CONFIG_MAP}",
    f"secret/{names.COMPARE_KEYS_SECRET}",
    f"secret/{names.SERVING_SECRET}",
)
LABELS = {f"{names.DEFAULT_POD_DOMAIN}/target": "agent"}


@pytest.fixture
def empty() -> Iterator[Cluster]:
    """A control plane of this test alone."""
    claim = state.claim("control-plane")
    cluster = controlplane.start(claim.folder)
    yield cluster
    cluster.stop()
    claim.release()


def uid(cluster: Cluster, thing: str) -> str:
    """An object's UID, or nothing."""
    found = ("get", thing, "-n", NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")
    return cluster.kubectl(*found).out


def delivers(cluster: Cluster) -> None:
    """One value gives one Secret, and a pod comes out of admission with a reference to it."""
    namespace = f"boot-{secrets.token_hex(3)}"
    cluster.apply(builders.namespace(namespace, namespace))
    cluster.apply(builders.variable(f"{namespace}/greeting", "GREETING", value="hello"))
    cluster.kubectl("create", "serviceaccount", "default", "-n", namespace, check=False)
    pod = builders.pod(f"{namespace}/agent", LABELS)
    wait(lambda: create(cluster, pod, dry_run=False).code == 0, "the pod to be admitted")
    secret = ("secret", "renv.agent", "-n", namespace)
    data = builders.encoded({"GREETING": "hello"})
    wait(lambda: cluster.get_json(*secret)["data"] == data, "the environment's Secret")
    [container] = cluster.get_json("pod", "agent", "-n", namespace)["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "renv.agent", "optional": False}}]


def test_a_keyring_that_is_lost_is_not_made_anew_and_opens_everything_once_it_is_back(empty: Cluster) -> None:
    installed = Operator.install(empty)
    empty.apply(builders.namespace("kept", "kept"))
    empty.apply(builders.variable("kept/greeting", "GREETING", value="hello"))
    ready = ("wait", "--for=condition=Ready", "rvar/greeting", "-n", "kept", "--timeout=30s")
    empty.kubectl(*ready)
    keys = ("secret", names.KEYRING_SECRET, names.KEK_SECRET, "-n", NAMESPACE)
    backup = empty.get_json(*keys)["items"]
    empty.kubectl("delete", *keys)
    installed.restart("controller")
    lost = f"{names.KEYRING_SECRET} with the keyring is missing"
    wait(lambda: lost in installed.launches["controller"].missing(), "the controller to say what is missing")
    assert uid(empty, f"secret/{names.KEYRING_SECRET}") == ""
    empty.apply([restorable(secret) for secret in backup])
    installed.wait_ready()
    empty.apply(builders.runtime_env("kept/renv.agent", "agent"))
    secret = ("secret", "renv.agent", "-n", "kept")
    data = builders.encoded({"GREETING": "hello"})
    wait(lambda: empty.get_json(*secret)["data"] == data, "the old value in a new environment")
    installed.stop()


def restorable(secret: builders.Manifest) -> builders.Manifest:
    """A Secret as a backup tool writes it back: without what the API server sets."""
    metadata = {field: secret["metadata"][field] for field in ("name", "namespace", "labels")}
    return {**secret, "metadata": metadata}


def test_processes_that_start_before_the_kinds_exist_wait_for_them(empty: Cluster) -> None:
    started = Operator(empty, operator.plan(empty, {}))
    crds = [f"crd/{crd['metadata']['name']}" for crd in chart.of_kind(chart.rendered({}), "CustomResourceDefinition")]
    empty.kubectl("delete", *crds)
    started.play_kubelet()
    started.spawn("controller")
    wait(started.launches["controller"].answers, "the controller's probes to answer")
    assert not started.launches["controller"].ready()
    chart.apply(empty, chart.of_kind(chart.rendered({}), "CustomResourceDefinition"))
    started.launch("webhook")
    started.wait_ready()
    delivers(empty)
    started.stop()


def test_a_controller_killed_at_each_step_of_its_first_start_makes_everything_once(empty: Cluster) -> None:
    started = Operator(empty, operator.plan(empty, {}))
    started.play_kubelet()
    made: dict[str, str] = {}
    for step in STEPS:
        started.spawn("controller")
        made[step] = wait(lambda step=step: uid(empty, step), f"{step} to be made")  # type: ignore[misc]
        started.kill9("controller")
    started.spawn("controller")
    started.launch("webhook")
    started.wait_ready()
    assert {step: uid(empty, step) for step in STEPS} == made
    delivers(empty)
    started.stop()
