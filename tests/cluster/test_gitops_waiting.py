"""Whoever waits by kstatus, as Flux and Helm do, waits until the operator has seen what was applied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests import builders
from tests.cluster.homes import Home, condition
from tests.cluster.test_gitops_charts import sealed_text
from tests.cluster.test_gitops_examples import EXAMPLES, KINDS
from tests.cluster.writes import SEALED
from tests.kube import chart, controlplane, gitops, state
from tests.kube.cluster import Cluster, wait
from tests.symptoms import shown

NEW: Final = [builders.variable("default/new", sealed=SEALED), builders.runtime_env("default/renv.agent", "agent")]
SERVER_SIDE: Final = "--server-side"


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A control plane where nothing of the operator ever was."""
    claim = state.claim("control-plane")
    cluster = controlplane.start(claim.folder)
    yield cluster
    cluster.stop()
    claim.release()


@pytest.mark.parametrize("options", [(), (SERVER_SIDE,)], ids=["client-side", "server-side"])
def test_kubectl_says_that_the_kinds_are_not_there(bare: Cluster, options: tuple[str, ...]) -> None:
    done = bare.kubectl("apply", *options, "-f", "-", input=json.dumps(NEW[0]), check=False)
    shown("A write is refused: the kinds are not there", done.err)


@pytest.mark.parametrize("program", chart.HELMS)
def test_helm_says_that_the_kinds_are_not_there(bare: Cluster, program: str) -> None:
    with pytest.raises(chart.ChartFailed) as failed:
        install(bare, "too-early", {"sealedToken": SEALED}, "3s", program)
    shown("A write is refused: the kinds are not there", str(failed.value))


@pytest.fixture(scope="module")
def unseen(bare: Cluster) -> Cluster:
    """Both kinds with an object each, and no operator."""
    chart.apply(bare, chart.of_kind(chart.rendered({}), "CustomResourceDefinition"))
    wait(lambda: bare.apply(NEW, SERVER_SIDE), "both kinds to be served")
    return bare


def stored(cluster: Cluster) -> list[Any]:
    found: list[Any] = cluster.get_json(KINDS, "--namespace=default")["items"]
    return found


def test_what_no_operator_has_seen_is_in_progress(unseen: Cluster) -> None:
    assert {found["kind"]: gitops.kstatus(found) for found in stored(unseen)} == {
        "RuntimeEnvVar": "InProgress",
        "RuntimeEnv": "InProgress",
    }


def test_what_no_operator_has_seen_can_be_applied_again_without_a_change(unseen: Cluster) -> None:
    unseen.apply(NEW, SERVER_SIDE)
    before = stored(unseen)
    unseen.apply(NEW, SERVER_SIDE)
    assert stored(unseen) == before
    assert [found["metadata"]["generation"] for found in before] == [1, 1]
    assert unseen.kubectl("diff", SERVER_SIDE, "-f", "-", input="\n---\n".join(map(json.dumps, NEW))).out == ""


@pytest.mark.parametrize("way", gitops.WAYS, ids=" ".join)
def test_the_status_that_a_new_object_comes_with_is_no_drift_for_argo_cd(unseen: Cluster, way: tuple[str, ...]) -> None:
    assert [found["status"]["observedGeneration"] for found in stored(unseen)] == [-1, -1]
    assert gitops.drifted(unseen, NEW, *way) == []


def install(cluster: Cluster, namespace: str, values: Mapping[str, Any], timeout: str, program: str = "helm") -> None:
    """A product's chart, by Helm 4 unless told, with --wait."""
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}", "--create-namespace")
    options = (*where, "--wait", f"--timeout={timeout}", "--values=-")
    given = json.dumps({**values, "replicas": 0})  # no node runs pods here
    chart.helm("install", "sandboxes", str(EXAMPLES / "helm"), *options, input=given, program=program)


def test_helm_does_not_take_variables_for_done_that_no_operator_has_seen(unseen: Cluster) -> None:
    with pytest.raises(chart.ChartFailed, match="RuntimeEnvVar/default/sandboxes-token not ready") as failed:
        install(unseen, "default", {"sealedToken": SEALED}, "3s")
    assert "RuntimeEnv/default/renv.sandbox not ready" in str(failed.value)


def test_helm_3_waits_for_no_variable(unseen: Cluster) -> None:
    install(unseen, "helm-3", {"sealedToken": SEALED}, "30s", "helm3")
    found = unseen.get_json("rvar/sandboxes-token", "--namespace=helm-3")
    assert gitops.kstatus(found) == "InProgress"


def test_helm_returns_once_every_variable_of_a_chart_is_ready(home: Home) -> None:
    home.apply(home.source({"api": "sk-chart"}, name="sandboxes-keys"))
    install(home.cluster, home.namespace, {"sealedToken": sealed_text(home, "SANDBOXES_TOKEN", "t-1")}, "60s")
    states = {found["metadata"]["name"]: condition(found)["status"] for found in home.items(KINDS)}
    assert states == {"sandboxes-token": "True", "sandboxes-api-key": "True", "renv.sandbox": "True"}


def test_helm_says_which_variable_can_not_become_ready(home: Home) -> None:
    said = f"RuntimeEnvVar/{home.namespace}/sandboxes-api-key not ready. status: Failed, .*there is no such Secret"
    with pytest.raises(chart.ChartFailed, match=said):
        install(home.cluster, home.namespace, {"sealedToken": sealed_text(home, "SANDBOXES_TOKEN", "t-1")}, "20s")
