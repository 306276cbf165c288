"""A product's chart that has variables: by the real Helm 3 and 4 installed, upgraded without a change, uninstalled."""

from __future__ import annotations

import json

import pytest

from tests.cluster.homes import Home
from tests.cluster.test_gitops_examples import EXAMPLES, KINDS, versions
from tests.cluster.test_sealing_cli import run
from tests.kube import chart
from tests.kube.cluster import wait
from tests.kube.operator import Operator


@pytest.mark.parametrize("program", chart.HELMS)
def test_a_chart_of_a_product_brings_its_variables_changes_none_again_and_takes_all_along(
    home: Home, program: str
) -> None:
    home.apply(home.source({"api": "sk-chart"}, name="sandboxes-keys"))
    sealed = sealed_text(home, "SANDBOXES_TOKEN", "t-0123456789")
    values = json.dumps({"sealedToken": sealed, "replicas": 0})  # no node runs pods here
    where = (f"--kubeconfig={home.cluster.kubeconfig}", f"--namespace={home.namespace}")
    given = ("sandboxes", str(EXAMPLES / "helm"), *where, "--values=-")
    chart.helm("install", *given, input=values, program=program)
    home.ready("sandboxes-token", "sandboxes-api-key")
    home.holds({"SANDBOXES_TOKEN": "t-0123456789", "SANDBOXES_API_KEY": "sk-chart"})
    home.until("renv/renv.sandbox", "Materialized")
    before = versions(home.cluster, home.namespace)
    chart.helm("upgrade", *given, input=values, program=program)
    assert versions(home.cluster, home.namespace) == before
    chart.helm("uninstall", "sandboxes", *where, program=program)
    assert home.items(KINDS) == []
    wait(lambda: secrets(home) == {"sandboxes-keys"}, "what was derived to be gone")


def secrets(home: Home) -> set[str]:
    return {found["metadata"]["name"] for found in home.items("secrets")}


def test_a_chart_of_a_product_in_a_namespace_that_is_not_enrolled_is_told_why(operator: Operator) -> None:
    options = (f"--kubeconfig={operator.cluster.kubeconfig}", "--namespace=default", "--values=-")
    values = json.dumps({"sealedToken": "renv1.xwing.0123456789abcdef.QUJD"})
    with pytest.raises(chart.ChartFailed, match=r"not enrolled: set its label runtime\.miosa\.ai/tenant"):
        chart.helm("install", "sandboxes", str(EXAMPLES / "helm"), *options, input=values)
    chart.helm("uninstall", "sandboxes", *options[:2])


def sealed_text(home: Home, name: str, value: str) -> str:
    """What `runtimeenv seal` prints."""
    done = run(home.cluster, "seal", "--namespace", home.namespace, "--target", "sandbox", "--name", name, value=value)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
