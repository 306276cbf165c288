"""What Argo CD's own engine makes of the operator's live objects, and what of them it would take for its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster.homes import Home
from tests.cluster.writes import create
from tests.kube import chart, gitops, launches
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import EVERYTHING, Operator

APPLY = ("--server-side", "--force-conflicts", "--field-manager=argocd-controller")
WEBHOOKS = ("00-runtime-env", "runtime-env")
NOT_OUTSIDE = ("Deployment", "PodDisruptionBudget")
TRACKED: dict[str, Any] = {
    "labels": {"app.kubernetes.io/instance": "acme"},
    "annotations": {"argocd.argoproj.io/tracking-id": "acme:runtime.miosa.ai/RuntimeEnvVar:acme/x"},
}


@pytest.fixture(scope="module")
def release(operator: Operator) -> Iterator[list[Manifest]]:
    """The chart's objects as Argo CD applies them, over those of an operator that is at work."""
    rendered = chart.rendered(EVERYTHING)
    for deployment in chart.of_kind(rendered, "Deployment"):
        deployment["spec"]["replicas"] = 0  # no node runs pods here
    outside = launches.by_url(rendered, list(operator.launches.values()))
    objects = [*outside, *chart.of_kind(rendered, *NOT_OUTSIDE)]
    operator.cluster.apply(objects, *APPLY)
    for name in WEBHOOKS:
        wait(lambda name=name: trusted(operator.cluster, name), f"{name} to have a caBundle")  # type: ignore[misc]
    yield objects
    operator.cluster.kubectl("delete", ",".join(NOT_OUTSIDE), "--all", "--namespace", NAMESPACE)
    chart.apply(operator.cluster, outside)
    operator.cluster.apply([disowned(found) for found in outside], *APPLY, "--validate=false")


def disowned(found: Manifest) -> Manifest:
    """What to apply to own no field of it any more."""
    metadata = {key: found["metadata"][key] for key in ("name", "namespace") if key in found["metadata"]}
    return {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata}


def trusted(cluster: Cluster, name: str) -> bool:
    webhooks = cluster.get_json("mutatingwebhookconfiguration", name)["webhooks"]
    return all(webhook["clientConfig"].get("caBundle") for webhook in webhooks)


@pytest.mark.parametrize("way", gitops.WAYS, ids=" ".join)
def test_nothing_of_the_operator_drifts_in_any_way_that_argo_cd_compares(
    operator: Operator, release: list[Manifest], way: tuple[str, ...]
) -> None:
    assert gitops.drifted(operator.cluster, release, *way) == []


@pytest.mark.parametrize("way", gitops.WAYS, ids=" ".join)
def test_what_somebody_else_changed_of_the_operator_drifts(
    operator: Operator, release: list[Manifest], way: tuple[str, ...]
) -> None:
    changed = chart.named(release, "MutatingWebhookConfiguration", WEBHOOKS[1])
    webhooks = [{**webhook, "failurePolicy": "Ignore"} for webhook in changed["webhooks"]]
    assert gitops.drifted(operator.cluster, [{**changed, "webhooks": webhooks}], *way) == [WEBHOOKS[1]]


def test_what_the_controller_makes_never_belongs_to_an_application(home: Home) -> None:
    variable, target = home.variable(value="hello"), {f"{names.DEFAULT_POD_DOMAIN}/target": "sandbox"}
    pod = builders.pod(f"{home.namespace}/x", {**target, **TRACKED["labels"]}, TRACKED["annotations"])
    home.apply({**variable, "metadata": {**variable["metadata"], **TRACKED}})
    wait(lambda: home.get("serviceaccount/default"), "the service account")
    assert create(home.cluster, pod, dry_run=False).code == 0
    home.holds({"GREETING": "hello"})
    made = {*marks(home.items("secrets")), *marks(home.items("renv"))}
    assert made == {frozenset(names.DERIVED_LABELS), frozenset({*names.DERIVED_LABELS, names.ON_DEMAND_LABEL})}


def test_what_the_controller_and_the_command_line_keep_never_belongs_to_an_application(operator: Operator) -> None:
    kept = operator.cluster.get_json("secrets,configmaps,leases", "--namespace", NAMESPACE)["items"]
    ours = [found for found in kept if found["metadata"]["name"].startswith("runtime-env-")]
    assert {names.KEYRING_SECRET, names.KEK_SECRET, names.SERVING_SECRET, names.PUBLIC_KEY_CONFIG_MAP} <= {
        found["metadata"]["name"] for found in ours
    }
    assert set().union(*marks(ours)) <= set(names.DERIVED_LABELS)


def marks(found: list[Any]) -> list[frozenset[str]]:
    """The keys of each object's labels and annotations, of which Argo CD, Flux and Helm know what they applied."""
    every = (item["metadata"] for item in found)
    return [frozenset({*metadata.get("labels", {}), *metadata.get("annotations", {})}) for metadata in every]
