"""Where NetworkPolicies can't be enforced, the reason is named."""

from pathlib import Path

import pytest

from tests.kube import network_policies
from tests.kube.cluster import Cluster, Tier


def cluster(tier: Tier) -> Cluster:
    nowhere = Path("/nonexistent")
    return Cluster(tier, nowhere, nowhere, "", nowhere, nowhere)


@pytest.mark.parametrize("tier", ["kind", "context"])
def test_a_network_that_is_not_ours_is_not_guarded(tier: Tier) -> None:
    assert network_policies.lacking(cluster(tier)) == f"tier {tier} has a network that is not ours to guard"


def test_a_machine_without_ipset_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert network_policies.lacking(cluster("node")) == "it lacks ipset: apt-get install ipset"
