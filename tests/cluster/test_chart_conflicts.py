"""What one applied is no conflict for the next who applies the same, such as Helm 4 after kubectl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import Manifest
from tests.kube import chart, controlplane, state
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster

CRDS = ("crd/runtimeenvvars.runtime.miosa.ai", "crd/runtimeenvs.runtime.miosa.ai")
VALUES: list[dict[str, Any]] = [
    {},
    {
        "api": {"enabled": True},
        "injection": "policy",
        "networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]},
    },
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A control plane that nothing else installs on."""
    claim = state.claim("control-plane")
    started = controlplane.start(claim.folder)
    started.kubectl("create", "namespace", NAMESPACE)
    yield started
    started.stop()
    claim.release()


def apply(cluster: Cluster, manifests: list[Manifest], *options: str) -> None:
    """As kubectl does, by server-side apply; the kinds first, until they are served."""
    crds = [found for found in manifests if found["kind"] == "CustomResourceDefinition"]
    cluster.apply(crds, "--server-side", *options)
    cluster.kubectl("wait", "--for=condition=Established", *CRDS)
    cluster.apply(manifests, "--server-side", *options)


@pytest.mark.parametrize("values", VALUES, ids=["as it is", "with more"])
def test_the_same_from_another_hand_is_no_conflict(cluster: Cluster, values: dict[str, Any]) -> None:
    rendered = chart.rendered(values)
    apply(cluster, rendered, "--field-manager=kubectl", "--force-conflicts")
    apply(cluster, rendered, "--field-manager=another")
