"""docs/troubleshooting.md, without the webhook configurations: the structural guarantees speak."""

from __future__ import annotations

from tests import builders
from tests.cluster.conftest import POD_LABELS, Spaces
from tests.cluster.writes import create
from tests.kube.cluster import Cluster
from tests.symptoms import shown


def test_a_pod_that_nobody_wired(without_webhooks: Cluster, spaces: Spaces) -> None:
    done = create(without_webhooks, builders.pod(f"{spaces.tenant}/x", POD_LABELS))
    shown("A pod is refused: nobody wired it", done.err)


def test_a_value_that_nobody_sealed(without_webhooks: Cluster, spaces: Spaces) -> None:
    done = create(without_webhooks, builders.variable(f"{spaces.tenant}/x", value="x"))
    shown("A write is refused: nothing sealed the value", done.err)
