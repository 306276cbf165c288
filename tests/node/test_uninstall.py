"""`helm uninstall`, and what becomes of pods and values until the chart is installed again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests import builders
from tests.kube.chart import ChartFailed
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.node import pods
from tests.node.reinstalling import install, kept, takes_what_comes

LABELS = {pods.TARGET_LABEL: "agent"}


@dataclass(frozen=True)
class Tenant:
    """A namespace with one variable, and what there was of variables and Secrets when the chart was uninstalled."""

    namespace: str
    before: dict[str, str]


@pytest.fixture(scope="module")
def tenant(node: Cluster, operator_pods: OperatorPods) -> Iterator[Tenant]:
    """The chart is uninstalled for the tests of this module, in their order; the last installs it."""
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"uninstall-{mark}", f"tenant-{mark}") as name:
        pods.define(node, builders.variable(f"{name}/greeting", "GREETING", value="hello"))
        pods.start(node, pods.pod(f"{name}/before", LABELS))
        before = kept(node, name)
        operator_pods.helm("uninstall", RELEASE)
        probe = pods.pod(f"{name}/probe", LABELS)
        wait(lambda: node.apply(probe, "--dry-run=server"), "the policies to be in force no longer")
        yield Tenant(name, before)
        operator_pods.upgrade()


def test_running_pods_keep_their_environment_and_new_ones_start_without(node: Cluster, tenant: Tenant) -> None:
    pods.start(node, pods.pod(f"{tenant.namespace}/meanwhile", LABELS))
    assert "GREETING" not in pods.environment(node, tenant.namespace, "meanwhile")
    assert pods.environment(node, tenant.namespace, "before")["GREETING"] == "hello"


def test_what_is_kept_goes_to_the_same_release_alone_unless_it_is_taken(
    node: Cluster, operator_pods: OperatorPods, tenant: Tenant
) -> None:
    assert kept(node, tenant.namespace) == tenant.before
    with pytest.raises(ChartFailed, match=r'"meta.helm.sh/release-name" must equal "another"'):
        install(operator_pods, "--dry-run=server", release="another")
    install(operator_pods, "--dry-run=server", "--take-ownership", release="another")
    install(operator_pods, "--dry-run=server")


def test_installed_again_it_writes_nothing_anew_and_takes_the_first_pod_and_plaintext(
    node: Cluster, operator_pods: OperatorPods, tenant: Tenant
) -> None:
    install(operator_pods, "--wait", "--timeout=5m")
    takes_what_comes(node, tenant.namespace)
    ready = ("wait", "--for=condition=Ready", "rvar", "--all", "-n", tenant.namespace, "--timeout=60s")
    node.kubectl(*ready, timeout=70)
    assert kept(node, tenant.namespace) == tenant.before
    # At once, while pods of before are still on their way out.
    operator_pods.helm("uninstall", RELEASE)
    install(operator_pods, "--wait", "--timeout=5m")
    takes_what_comes(node, tenant.namespace)
