"""The examples' folder of variables on a real API server: applied twice, and compared by Argo CD's engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests import builders
from tests.builders import Manifest
from tests.documents import REPOSITORY
from tests.kube import gitops
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


@pytest.fixture(scope="module")
def by_argo_cd(synced: Cluster) -> Cluster:
    """The same, applied as Argo CD does."""
    synced.kubectl(*APPLY, "--force-conflicts", "--field-manager=argocd-controller")
    return synced


@pytest.fixture
def folder() -> list[Manifest]:
    """The variables, one of which has a `value`, and the RuntimeEnv."""
    return [*manifests("variables", "variables.yaml"), *manifests("variables", "runtimeenv.yaml")]


def changed(folder: list[Manifest]) -> list[Manifest]:
    """The one with a `value`, with another."""
    return [{**m, "spec": {**m["spec"], "value": "eu-west-1"}} for m in folder if "value" in m["spec"]]


def test_argo_cd_finds_the_folder_in_sync_with_the_settings_of_the_example(
    by_argo_cd: Cluster, folder: list[Manifest]
) -> None:
    [application] = manifests("argocd", "variables.yaml")
    options = application["metadata"]["annotations"]["argocd.argoproj.io/compare-options"]
    assert options == "ServerSideDiff=true,IncludeMutationWebhook=true"
    assert gitops.drifted(by_argo_cd, folder, *ARGO_CD) == []
    assert gitops.drifted(by_argo_cd, changed(folder), *ARGO_CD) == ["gitops-region"]


@pytest.mark.parametrize("way", [(), ("structured-merge",)], ids=" ".join)
def test_without_them_argo_cd_takes_a_sealed_value_for_drift(
    by_argo_cd: Cluster, folder: list[Manifest], way: tuple[str, ...]
) -> None:
    assert gitops.drifted(by_argo_cd, folder, *way) == ["gitops-region"]


def test_with_the_first_alone_argo_cd_sees_no_value_at_all(by_argo_cd: Cluster, folder: list[Manifest]) -> None:
    assert gitops.drifted(by_argo_cd, [*folder, *changed(folder)], "server-side") == []
