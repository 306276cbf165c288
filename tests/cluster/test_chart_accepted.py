"""Whatever the chart renders, a real API server takes, without a warning, in a namespace of restricted pods."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.builders import Manifest
from tests.cluster import chart_modes
from tests.cluster.chart_effects import EFFECTS
from tests.cluster.chart_modes import CHOICES, MODES, Choice
from tests.kube import chart, foreign_crds
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, Completed

LEVELS = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
# Each would leave another value of the table without effect, for a budget that is off has no size; or isn't restricted.
APART = {"image.tag", "webhook.hostNetwork", *(p for p in EFFECTS if p.endswith("podDisruptionBudget.enabled"))}


@pytest.fixture(scope="module")
def ground(policies: Cluster) -> Iterator[Cluster]:
    """The CRDs of cert-manager and the Prometheus operator, and a namespace that warns of pods beyond restricted."""
    policies.kubectl("label", "namespace", NAMESPACE, "--overwrite", *LEVELS)
    with foreign_crds.served(policies, foreign_crds.OF_THE_CHART):
        yield policies
    policies.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/warn-")


def tried(cluster: Cluster, objects: Sequence[Manifest]) -> Completed:
    """What the API server says to a server-side apply, with fields that it does not know refused."""
    how = ("--server-side", "--force-conflicts", "--field-manager=runtime-env-harness", "--validate=strict")
    return cluster.apply(objects, *how, "--dry-run=server", check=False)


def test_every_two_modes_meet_in_one_of_the_choices() -> None:
    met = set().union(*(chart_modes.pairs(choice) for choice in CHOICES))
    assert met == set().union(*(chart_modes.pairs(choice) for choice in itertools.product(*MODES.values())))


@pytest.mark.parametrize("choice", CHOICES, ids=", ".join)
def test_every_combination_is_taken_without_a_warning(ground: Cluster, choice: Choice) -> None:
    objects = chart.rendered(chart_modes.values(choice))
    done = tried(ground, objects)
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == len(objects)


def test_every_value_of_the_table_is_taken_without_a_warning(ground: Cluster) -> None:
    given: dict[str, Any] = {path: effect.given for path, effect in EFFECTS.items() if path not in APART}
    done = tried(ground, chart.rendered(chart_modes.combined(given)))
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("values", "violated"),
    [
        ({"securityContext": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation != false"),
        ({"webhook": {"hostNetwork": True}}, "host namespaces (hostNetwork=true)"),
    ],
    ids=["privileges", "hostNetwork"],
)
def test_a_pod_beyond_restricted_would_be_warned_of(ground: Cluster, values: dict[str, Any], violated: str) -> None:
    warned = tried(ground, chart.rendered(values)).err
    assert 'would violate PodSecurity "restricted' in warned
    assert violated in warned


def test_a_field_that_cert_manager_or_prometheus_does_not_know_would_be_refused(ground: Cluster) -> None:
    rendered = chart.rendered({"certificates": "cert-manager", "metrics": {"podMonitor": {"enabled": True}}})
    kinds = ("Certificate", "Issuer", "PodMonitor")
    theirs = [{**found, "spec": {**found["spec"], "misspelt": "x"}} for found in chart.of_kind(rendered, *kinds)]
    said = tried(ground, theirs).err
    assert [kind for kind in kinds if f'({kind}.spec): unknown field "misspelt"' not in said] == []
