"""`helm uninstall`, and what becomes of pods and values until the chart is installed again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from tests import builders
from tests.kube import chart
from tests.kube.chart import ChartFailed
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.node import pods

LABELS = {pods.TARGET_LABEL: "agent"}


@pytest.fixture(scope="module")
def namespace(node: Cluster, operator_pods: OperatorPods) -> Iterator[str]:
    """A tenant's, with one variable; the chart is uninstalled meanwhile, and installed in the end."""
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"uninstall-{mark}", f"tenant-{mark}") as name:
        pods.define(node, builders.variable(f"{name}/greeting", "GREETING", value="hello"))
        pods.start(node, pods.pod(f"{name}/before", LABELS))
        operator_pods.helm("uninstall", RELEASE, "--wait")
        probe = pods.pod(f"{name}/probe", LABELS)
        wait(lambda: node.apply(probe, "--dry-run=server"), "the policies to be in force no longer")
        yield name
        operator_pods.upgrade()


def install(operator_pods: OperatorPods, *options: str, release: str = RELEASE) -> str:
    values = json.dumps(operator_pods.values)
    return operator_pods.helm("install", release, str(chart.CHART), *options, "--values=-", input=values)


def test_running_pods_keep_their_environment_and_new_ones_start_without(node: Cluster, namespace: str) -> None:
    pods.start(node, pods.pod(f"{namespace}/meanwhile", LABELS))
    assert "GREETING" not in pods.environment(node, namespace, "meanwhile")
    assert pods.environment(node, namespace, "before")["GREETING"] == "hello"


def test_what_is_kept_goes_to_the_same_release_alone_unless_it_is_taken(
    operator_pods: OperatorPods,
    namespace: str,  # noqa: ARG001 - it is uninstalled
) -> None:
    with pytest.raises(ChartFailed, match=r'"meta.helm.sh/release-name" must equal "another"'):
        install(operator_pods, "--dry-run=server", release="another")
    install(operator_pods, "--dry-run=server", "--take-ownership", release="another")
    install(operator_pods, "--dry-run=server")
