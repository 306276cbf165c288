"""The GitOps examples on a real API server: applied twice, compared by Argo CD's engine, read as Flux reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests import builders
from tests.builders import Manifest
from tests.cluster.homes import Home
from tests.cluster.test_sealing_cli import run
from tests.documents import REPOSITORY
from tests.kube import chart, gitops
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator

EXAMPLES = REPOSITORY / "deploy/examples/gitops"
NAMESPACE = "acme-gitops"
APPLY = ("apply", "--server-side", "--kustomize", str(EXAMPLES / "variables"))
KINDS = "rvar,renv"
ARGO_CD = ("server-side", "include-webhook")


@pytest.fixture(scope="module")
def synced(operator: Operator) -> Iterator[Cluster]:
    """The folder of variables, applied as GitOps tools do, and the Secret that one of them reads."""
    cluster = operator.cluster
    wait(lambda: cluster.kubectl(*APPLY), "the policies to know the namespace")
    cluster.apply(builders.source_secret(f"{NAMESPACE}/gitops-keys", {"api": "sk-gitops"}))
    cluster.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "--all", KINDS, "--namespace", NAMESPACE)
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def versions(cluster: Cluster, namespace: str) -> dict[str, str | int]:
    """The variables' resourceVersions, which the controller leaves once Ready, and the RuntimeEnvs' generations."""
    metadata = [found["metadata"] for found in cluster.get_json(KINDS, "--namespace", namespace)["items"]]
    of_environment = {m["name"]: m["generation"] for m in metadata if m["name"].startswith("renv.")}
    return {m["name"]: m["resourceVersion"] for m in metadata} | of_environment


def manifests(*path: str) -> list[Manifest]:
    return [found for found in yaml.safe_load_all(EXAMPLES.joinpath(*path).read_text()) if found]


def test_applying_the_folder_again_changes_nothing(synced: Cluster) -> None:
    before = versions(synced, NAMESPACE)
    assert len(before) == 3
    synced.kubectl(*APPLY)
    assert versions(synced, NAMESPACE) == before
    assert synced.kubectl("diff", *APPLY[1:]).out == ""


def test_argo_cd_finds_the_folder_in_sync_with_the_settings_of_the_example(synced: Cluster) -> None:
    [application] = manifests("argocd", "variables.yaml")
    options = application["metadata"]["annotations"]["argocd.argoproj.io/compare-options"]
    assert options == "ServerSideDiff=true,IncludeMutationWebhook=true"
    folder = [*manifests("variables", "variables.yaml"), *manifests("variables", "runtimeenv.yaml")]
    drifted = [m["metadata"]["name"] for m in folder if gitops.drifts(synced, m, *ARGO_CD)]
    assert drifted == []


def test_without_them_argo_cd_takes_a_sealed_value_for_drift(synced: Cluster) -> None:
    assert gitops.drifts(synced, plain())


def test_with_them_argo_cd_still_sees_another_value(synced: Cluster) -> None:
    assert gitops.drifts(synced, {**plain(), "spec": {**plain()["spec"], "value": "eu-west-1"}}, *ARGO_CD)


def plain() -> Manifest:
    """The one with a `value`."""
    [found] = [manifest for manifest in manifests("variables", "variables.yaml") if "value" in manifest["spec"]]
    return found


@pytest.mark.parametrize("name", ["operator.yaml", "variables.yaml"])
def test_flux_knows_every_field_of_its_examples(name: str) -> None:
    for manifest in manifests("flux", name):
        assert gitops.flux(manifest)["spec"]


def test_a_field_that_flux_does_not_know_is_found() -> None:
    [_, kustomization] = manifests("flux", "variables.yaml")
    with pytest.raises(gitops.Unread, match="waiting"):
        gitops.flux({**kustomization, "spec": {**kustomization["spec"], "waiting": True}})


def test_a_chart_of_a_product_brings_its_variables_and_an_upgrade_without_a_change_is_none(home: Home) -> None:
    home.apply(home.source({"api": "sk-chart"}, name="sandboxes-keys"))
    sealed = sealed_text(home, "SANDBOXES_TOKEN", "t-0123456789")
    values = {"sealedToken": sealed, "replicas": 0}  # no node runs pods here

    def helm(*words: str) -> None:
        options = (f"--kubeconfig={home.cluster.kubeconfig}", f"--namespace={home.namespace}", "--values=-")
        chart.helm(*words, "sandboxes", str(EXAMPLES / "helm"), *options, input=json.dumps(values))

    helm("install")
    home.ready("sandboxes-token", "sandboxes-api-key")
    home.holds({"SANDBOXES_TOKEN": "t-0123456789", "SANDBOXES_API_KEY": "sk-chart"})
    home.until("renv/renv.sandbox", "Materialized")
    before = versions(home.cluster, home.namespace)
    helm("upgrade")
    assert versions(home.cluster, home.namespace) == before


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
