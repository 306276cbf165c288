"""What docs/gitops.md prints of SOPS and age, typed with the real ones: a manifest for Git, and the way back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.builders import Manifest
from tests.demo import ground
from tests.documents import REPOSITORY, commands
from tests.kube import build
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator

DOCUMENT = REPOSITORY / "docs/gitops.md"
EXAMPLE = "deploy/examples/variable-value.yaml"
PROGRAMS = ("sops", "age-keygen")
PRINTED = [line for line in commands(DOCUMENT) if any(word in line for word in PROGRAMS)]


@pytest.fixture(scope="module")
def acme(operator: Operator) -> Iterator[Cluster]:
    """The namespaces of the examples."""
    operator.cluster.kubectl("apply", "-f", str(REPOSITORY / "deploy/examples/namespaces.yaml"))
    probe = ("apply", "--dry-run=server", "-f", str(REPOSITORY / EXAMPLE))
    wait(lambda: operator.cluster.kubectl(*probe), "the policies to know the namespace")
    yield operator.cluster
    operator.cluster.kubectl("delete", "namespace", "acme", "acme-ws-123", "--wait=false")


@pytest.fixture(scope="module")
def typed(acme: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which somebody typed all of it."""
    folder = tmp_path_factory.mktemp("sops")
    (folder / "deploy").symlink_to(REPOSITORY / "deploy")
    path = [ground.commands(acme), build.binaries(PROGRAMS, print), os.environ["PATH"]]
    key = {"SOPS_AGE_KEY_FILE": "age.agekey", "HOME": str(folder)}  # at home there may be other keys
    environment = {**os.environ, **key, "PATH": os.pathsep.join(map(str, path)), "KUBERC": "off"}
    argv = ["bash", "-e", "-o", "pipefail", "-c", "\n".join(PRINTED)]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_of_a_manifest_sops_encrypts_the_value_alone(typed: Path) -> None:
    [plain], [encrypted] = (manifests(path) for path in (REPOSITORY / EXAMPLE, typed / "model.sops.yaml"))
    assert encrypted["spec"].pop("value").startswith("ENC[AES256_GCM,")
    assert encrypted.pop("sops")["encrypted_regex"] == "^value$"
    assert plain["spec"].pop("value")
    assert encrypted == plain


def manifests(path: Path) -> list[Manifest]:
    return [found for found in yaml.safe_load_all(path.read_text()) if found]


def test_what_sops_decrypted_is_sealed_and_ready(typed: Path, acme: Cluster) -> None:  # noqa: ARG001 - it was applied
    acme.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "rvar/model", "--namespace=acme")
    spec = acme.get_json("rvar/model", "--namespace=acme")["spec"]
    assert spec["sealedValue"].startswith("renv1.xwing.")
    assert "value" not in spec


def test_what_nobody_decrypted_is_refused(typed: Path, acme: Cluster) -> None:
    done = acme.kubectl("apply", "-f", str(typed / "model.sops.yaml"), check=False)
    assert 'unknown field "sops"' in done.err
