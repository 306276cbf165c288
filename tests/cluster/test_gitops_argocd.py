"""The Application of the operator: what the controller writes is no drift for Argo CD's own comparison."""

from __future__ import annotations

import pytest

from tests.builders import Manifest
from tests.cluster.test_gitops_examples import manifests
from tests.kube import chart, gitops, launches
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import EVERYTHING, Operator

WEBHOOKS = ["00-runtime-env", "runtime-env"]


@pytest.fixture
def configurations(operator: Operator) -> list[Manifest]:
    """The webhook configurations as they were applied, once the controller has put its authority into the live ones."""
    rendered = launches.by_url(chart.rendered(EVERYTHING), list(operator.launches.values()))
    for name in WEBHOOKS:
        wait(lambda name=name: trusted(operator.cluster, name), f"{name} to have a caBundle")  # type: ignore[misc]
    return [chart.named(rendered, "MutatingWebhookConfiguration", name) for name in WEBHOOKS]


def trusted(cluster: Cluster, name: str) -> bool:
    webhooks = cluster.get_json("mutatingwebhookconfiguration", name)["webhooks"]
    return all(webhook["clientConfig"].get("caBundle") for webhook in webhooks)


def test_the_controllers_ca_bundle_is_no_drift_for_the_server_side_comparison_of_the_example(
    operator: Operator, configurations: list[Manifest]
) -> None:
    [application] = manifests("argocd", "operator.yaml")
    assert application["metadata"]["annotations"]["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"
    assert not any(gitops.drifts(operator.cluster, manifest, "server-side") for manifest in configurations)
