"""What kubectl applied is taken over by Helm, and what one wrote is no conflict for the next who applies it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.builders import Manifest
from tests.documents import REPOSITORY
from tests.kube import chart, controlplane, state
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster

INSTALL = REPOSITORY / "deploy/install.yaml"
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


@pytest.mark.parametrize("program", chart.HELMS)
def test_helm_takes_over_what_kubectl_applied(cluster: Cluster, program: str) -> None:
    apply(cluster, list(yaml.safe_load_all(INSTALL.read_text())), "--field-manager=kubectl", "--force-conflicts")
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}")
    install = ("install", "runtime-env", str(chart.CHART), *where)
    with pytest.raises(chart.ChartFailed, match="invalid ownership metadata"):
        chart.helm(*install, program=program)
    chart.helm(*install, "--take-ownership", program=program)
    assert "STATUS: deployed" in chart.helm("status", "runtime-env", *where, program=program)
    chart.helm("uninstall", "runtime-env", *where, program=program)
