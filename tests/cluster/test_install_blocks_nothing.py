"""An installation of which no process runs yet: what it holds up in the cluster, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster.writes import accepted, create
from tests.kube import chart, controlplane, operator, state
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait

LABELS = {f"{names.DEFAULT_POD_DOMAIN}/target": "agent"}
SYSTEM = ("default", "kube-system", NAMESPACE)


@pytest.fixture(scope="module", params=["webhook", "policy"])
def idle(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A control plane with the chart's objects, where nobody answers for the webhook."""
    claim = state.claim("control-plane")
    cluster = controlplane.start(claim.folder)
    operator.plan(cluster, {"injection": request.param, "api": {"enabled": True}})
    for namespace in SYSTEM:
        cluster.kubectl("create", "serviceaccount", "default", "-n", namespace, check=False)
    wait(lambda: operator.policies_in_force(cluster), "the policies to be in force")
    labelled = builders.pod("default/probe", LABELS)
    wait(lambda: create(cluster, labelled).code != 0, "a labelled pod to be refused")
    yield cluster
    cluster.stop()
    claim.release()


def own_pods(**labels: str) -> list[Manifest]:
    """What our Deployments would make, with labels that somebody adds."""
    made = []
    for deployment in chart.of_kind(chart.rendered({"api": {"enabled": True}}), "Deployment"):
        template = deployment["spec"]["template"]
        metadata = {
            "name": deployment["metadata"]["name"],
            "namespace": NAMESPACE,
            "labels": {**template["metadata"]["labels"], **labels},
        }
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    return made


def test_nothing_is_held_up_but_labelled_pods(idle: Cluster) -> None:
    for namespace in SYSTEM:
        accepted(create(idle, builders.pod(f"{namespace}/plain")))
        accepted(create(idle, builders.pod(f"{namespace}/out", {**LABELS, "runtime.miosa.ai/inject": "false"})))
        accepted(create(idle, builders.source_secret(f"{namespace}/keys", {"a": "b"})))
    accepted(create(idle, builders.namespace("unenrolled")))
    for pod in own_pods():
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "default"}}
        template = {"metadata": {"labels": {**LABELS, "app": "x"}}, "spec": pod["spec"]}
        spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
        accepted(create(idle, {**deployment, "spec": spec}))


def test_our_own_pods_never_wait_for_us_whoever_labels_them(idle: Cluster) -> None:
    made = own_pods(**LABELS)
    assert len(made) == 3
    for pod in made:
        accepted(create(idle, pod))


def test_others_in_our_namespace_are_refused_like_everywhere(idle: Cluster) -> None:
    for namespace in SYSTEM:
        done = create(idle, builders.pod(f"{namespace}/labelled", LABELS))
        assert done.code != 0
        assert "runtime.miosa.ai" in done.err or "runtime-env" in done.err, done.err
    [borrowed, *_] = own_pods(**LABELS)
    borrowed["metadata"]["namespace"] = "default"
    borrowed["spec"] = {**borrowed["spec"], "serviceAccountName": "default"}
    assert create(idle, borrowed).code != 0


def test_a_pod_elsewhere_is_not_ours_by_the_name_of_its_account(idle: Cluster) -> None:
    """Whoever may make pods and accounts in a namespace would else start one that asks for no environment."""
    for borrowed in own_pods(**LABELS):
        account = borrowed["spec"]["serviceAccountName"]
        metadata = {"name": account, "namespace": "default"}
        idle.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        borrowed["metadata"]["namespace"] = "default"
        assert create(idle, borrowed).code != 0, f"{account} of another namespace was taken for ours"
