"""``runtimeenv seal`` and ``public-key`` as programs, with what a real API server tells them."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runtimeenv
from runtimeenv.core.identity import Identity, Layer, Workspace
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import SealedValue
from runtimeenv.crypto.unseal import unseal
from tests.kube.cluster import Cluster

KEYRING = Keyring.generate()
KEY = KEYRING.sealing_key()


@pytest.fixture(scope="module")
def namespace(control_plane: Cluster) -> Iterator[str]:
    """A workspace's namespace, which also holds the public key as the operator's would."""
    name = f"sealing-{secrets.token_hex(4)}"
    labels = {"runtime.miosa.ai/tenant": "acme", "runtime.miosa.ai/workspace": "blue"}
    entries = {"sealing-key": str(KEY), "fingerprint": KEY.fingerprint}
    published = {"name": "runtime-env-public-key", "namespace": name}
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": published, "data": entries})
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def run(cluster: Cluster, *arguments: str, value: str = "") -> subprocess.CompletedProcess[str]:
    source = str(Path(runtimeenv.__file__).parent.parent)
    environ = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PYTHONPATH": source}
    argv = [*cluster.reach, sys.executable, "-m", "runtimeenv", *arguments]
    return subprocess.run(argv, input=value, env=environ, capture_output=True, text=True, check=False, timeout=60)


def test_tenant_and_key_come_from_the_cluster(control_plane: Cluster, namespace: str) -> None:
    where = ("--namespace", namespace, "--system-namespace", namespace, "--fingerprint", KEY.fingerprint)
    sealed = run(control_plane, "seal", *where, "--workspace", "blue", "--name", "TOKEN", value="sk-live\n")
    assert (sealed.returncode, sealed.stderr) == (0, "")
    identity = Identity(Layer(Workspace("acme", "blue"), "all"), "TOKEN")
    assert unseal(SealedValue.parse(sealed.stdout.strip()), identity, KEYRING) == Plaintext("sk-live")


def test_what_the_namespace_may_not_define_is_told(control_plane: Cluster, namespace: str) -> None:
    refused = run(control_plane, "seal", "-n", namespace, "--workspace", "red", "--name", "TOKEN", value="sk-live")
    assert refused.returncode == 1
    assert refused.stderr == "Error: the namespace may define scope workspace of workspace blue only\n"


def test_a_cluster_without_the_operator_is_told(control_plane: Cluster) -> None:
    refused = run(control_plane, "public-key", "--system-namespace", "default")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ConfigMap default/runtime-env-public-key holds no public key")


def test_a_context_that_does_not_exist_is_told(control_plane: Cluster) -> None:
    refused = run(control_plane, "public-key", "--context", "nowhere")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: KUBECONFIG: ")


def test_an_api_server_that_is_away_is_told(control_plane: Cluster, tmp_path: Path) -> None:
    away = tmp_path / "kubeconfig"
    away.write_text(control_plane.kubeconfig.read_text().replace(control_plane.server, "https://127.0.0.1:1"))
    refused = subprocess.run(
        [sys.executable, "-m", "runtimeenv", "public-key"],
        env={**os.environ, "KUBECONFIG": str(away), "PYTHONPATH": str(Path(runtimeenv.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: get configmaps runtime-env-system/runtime-env-public-key: no answer")
