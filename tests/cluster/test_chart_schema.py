"""The types of Kubernetes that values.schema.json describes have the fields that the API server knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chart_values import CHART
from tests.kube import build
from tests.kube.cluster import Cluster

CORE = "io.k8s.api.core.v1"
# Each definition by its name in the API; the fields that are left out of it, for they make no sense here.
TYPES: dict[str, tuple[str, set[str]]] = {
    "resources": (f"{CORE}.ResourceRequirements", set()),
    "labelSelector": ("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", set()),
    "nodeSelectorTerm": (f"{CORE}.NodeSelectorTerm", set()),
    "podAffinityTerm": (f"{CORE}.PodAffinityTerm", set()),
    "podAffinity": (f"{CORE}.PodAffinity", set()),
    "affinity": (f"{CORE}.Affinity", set()),
    "toleration": (f"{CORE}.Toleration", set()),
    "topologySpreadConstraint": (f"{CORE}.TopologySpreadConstraint", set()),
    "env": (f"{CORE}.EnvVar", set()),
    "volumeMount": (f"{CORE}.VolumeMount", set()),
    "podSecurityContext": (f"{CORE}.PodSecurityContext", {"windowsOptions"}),
    "securityContext": (f"{CORE}.SecurityContext", {"windowsOptions"}),
    "peer": ("io.k8s.api.networking.v1.NetworkPolicyPeer", set()),
    "egressRule": ("io.k8s.api.networking.v1.NetworkPolicyEgressRule", set()),
}


@pytest.fixture(scope="module")
def served(control_plane: Cluster) -> dict[str, Any]:
    """The API server's own schemas, by name."""
    if control_plane.version() != f"v{build.version('k8s.io/kubernetes')}":
        pytest.skip("the cluster has another version than the Kubernetes that values.schema.json was written after")
    documents = ("/openapi/v3/api/v1", "/openapi/v3/apis/networking.k8s.io/v1")
    found: dict[str, Any] = {}
    for path in documents:
        found |= json.loads(control_plane.kubectl("get", "--raw", path).out)["components"]["schemas"]
    return found


def definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())["definitions"]
    return found


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_the_fields_that_kubernetes_knows(served: dict[str, Any], name: str) -> None:
    theirs, left_out = TYPES[name]
    assert set(definitions()[name]["properties"]) == set(served[theirs]["properties"]) - left_out


def test_sources_of_volumes_and_variables_are_known_to_kubernetes(served: dict[str, Any]) -> None:
    assert set(definitions()["volume"]["properties"]) <= set(served[f"{CORE}.Volume"]["properties"])
    sources = definitions()["env"]["properties"]["valueFrom"]["properties"]
    assert set(sources) == set(served[f"{CORE}.EnvVarSource"]["properties"])


def test_every_definition_is_checked() -> None:
    assert set(definitions()) == {*TYPES, "labels", "annotations", "host", "volume"}
