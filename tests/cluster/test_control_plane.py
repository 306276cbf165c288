"""Proofs of the control plane tier: what the other tests of this room build upon."""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kube import existing
from tests.kube.cluster import Cluster, KubectlFailed, wait


@pytest.fixture
def namespace(control_plane: Cluster) -> Iterator[str]:
    name = f"harness-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def manifest(kind: str, namespace: str, name: str, **fields: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}


def test_the_api_server_serves_both_policy_kinds_by_default(control_plane: Cluster) -> None:
    kinds = control_plane.kubectl("api-resources", "--api-group=admissionregistration.k8s.io", "-o", "name").out
    assert "validatingadmissionpolicies.admissionregistration.k8s.io" in kinds
    assert "mutatingadmissionpolicies.admissionregistration.k8s.io" in kinds


def test_a_namespace_gets_its_default_service_account(control_plane: Cluster, namespace: str) -> None:
    account = wait(lambda: control_plane.get_json("serviceaccount", "default", "-n", namespace), "it")
    assert account["metadata"]["namespace"] == namespace


def test_what_an_owner_leaves_behind_is_collected(control_plane: Cluster, namespace: str) -> None:
    control_plane.apply(manifest("ConfigMap", namespace, "owner"))
    owner = control_plane.get_json("configmap", "owner", "-n", namespace)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    dependent = manifest("ConfigMap", namespace, "dependent")
    dependent["metadata"] = {"name": "dependent", "namespace": namespace, "ownerReferences": [reference]}
    control_plane.apply(dependent)
    control_plane.kubectl("delete", "configmap", "owner", "-n", namespace)
    control_plane.kubectl("wait", "--for=delete", "configmap/dependent", "-n", namespace)


def test_a_service_account_acts_as_itself(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "webhook", "-n", namespace)
    kubeconfig = control_plane.service_account_kubeconfig(namespace, "webhook")
    review = control_plane.kubectl("auth", "whoami", "-o", "json", f"--kubeconfig={kubeconfig}").out
    assert json.loads(review)["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:webhook"


def test_an_impersonated_user_is_refused_what_nobody_granted(control_plane: Cluster, namespace: str) -> None:
    with pytest.raises(KubectlFailed, match='User "eve" cannot list resource "secrets"'):
        control_plane.kubectl("get", "secrets", "-n", namespace, user="eve", groups=["staff"])


def test_a_failure_may_be_looked_at_rather_than_raised(control_plane: Cluster) -> None:
    completed = control_plane.kubectl("get", "namespace", "no-such", check=False)
    assert completed.code == 1
    assert "not found" in completed.err


def test_etcd_holds_no_value_of_a_secret_but_that_of_a_config_map(control_plane: Cluster, namespace: str) -> None:
    if not control_plane.etcd_files():
        pytest.skip("etcd's files can't be read on a cluster that the harness did not start")
    in_secret, in_config = secrets.token_hex(16), secrets.token_hex(16)
    control_plane.apply(manifest("Secret", namespace, "canary", stringData={"key": in_secret}))
    control_plane.apply(manifest("ConfigMap", namespace, "canary", data={"key": in_config}))
    stored = b"".join(path.read_bytes() for path in control_plane.etcd_files())
    assert in_config.encode() in stored
    assert in_secret.encode() not in stored
    assert base64.b64encode(in_secret.encode()) not in stored


def test_any_cluster_of_the_user_s_kubeconfig_can_be_used(
    control_plane: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = control_plane.kubectl("config", "current-context").out.strip()
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    found = existing.from_context(context, tmp_path)
    assert found.version() == control_plane.version()
    assert found.kubectl("auth", "whoami", f"--kubeconfig={service_account(found)}").code == 0


def service_account(cluster: Cluster) -> Path:
    return cluster.service_account_kubeconfig("kube-system", "namespace-controller")


def test_a_context_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "empty"))
    with pytest.raises(existing.NoSuchContext, match="no-such"):
        existing.from_context("no-such", tmp_path)
