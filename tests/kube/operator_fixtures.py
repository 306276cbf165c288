"""The pytest fixtures `operator` and `operator_pods`: the operator on each tier, installed once in a test run."""

from collections.abc import Iterator

import pytest

from tests.kube import operator_image
from tests.kube.cluster import Cluster
from tests.kube.fixtures import note, teller
from tests.kube.operator import EVERYTHING, Operator
from tests.kube.operator_pods import OperatorPods


@pytest.fixture(scope="session")
def operator(control_plane: Cluster, pytestconfig: pytest.Config) -> Iterator[Operator]:
    """The operator's processes beside the control plane; tests that stop one start it again."""
    if control_plane.tier != "control-plane":
        note(pytestconfig, "operator beside the control plane", "can't run: that cluster can't call webhooks here")
        pytest.skip("the cluster of RUNTIME_ENV_CONTEXT can't call webhooks on this machine")
    installed = Operator.install(control_plane, EVERYTHING)
    yield installed
    installed.stop()


@pytest.fixture(scope="session")
def operator_pods(node: Cluster, pytestconfig: pytest.Config) -> Iterator[OperatorPods]:
    """The operator's pods on the node, from the real image; removed from a cluster that goes on."""
    if not operator_image.pushed() and (reason := operator_image.lacking()):
        note(pytestconfig, "operator on the node", f"can't run here: {reason}")
        pytest.skip(f"the operator can't run on the node: {reason}")
    if node.tier == "context" and (found := OperatorPods.traces(node)):
        pytest.fail(f"Runtime Env is installed in that cluster, and is not touched: {found}")
    installed = OperatorPods.install(node, EVERYTHING, teller(pytestconfig))
    yield installed
    if node.tier == "context":
        installed.remove()
