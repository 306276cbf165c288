"""deploy/install.yaml under kustomize: what it changes comes out as Helm would have rendered it for kubectl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import generated
from tests.builders import Manifest
from tests.documents import REPOSITORY
from tests.kube import build, chart
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster

EXAMPLE = REPOSITORY / "deploy/examples/kustomize/kustomization.yaml"
POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
INSTALLATION = REPOSITORY / "deploy/install.yaml"
AS_THE_EXAMPLE: dict[str, Any] = {
    "image": {"repository": "registry.example/runtime-env", "tag": "0.1.0"},
    "commonLabels": {"team": "platform"},
    "webhook": {"replicas": 3},
}


def kustomized(folder: Path) -> list[Manifest]:
    """What `kubectl kustomize` makes of a folder."""
    argv = [str(build.binaries(["kubectl"], print) / "kubectl"), "kustomize", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, yaml.CSafeLoader))


def by_identity(objects: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    """All but the Namespace, which Helm makes beside the chart; policies without the namespace that kustomize adds."""
    for policy in chart.of_kind(objects, *POLICIES):
        policy["metadata"].pop("namespace", None)
    return {(o["kind"], o["metadata"]["name"]): o for o in objects if o["kind"] != "Namespace"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example beside the installation, as its first lines say."""
    for path in (EXAMPLE, INSTALLATION):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_the_base_is_the_chart_with_its_defaults() -> None:
    assert by_identity(kustomized(REPOSITORY / "deploy")) == by_identity(generated.applied({}))


def test_the_example_comes_out_as_helm_would_render_it(folder: Path) -> None:
    assert by_identity(kustomized(folder)) == by_identity(generated.applied(AS_THE_EXAMPLE, "platform-env"))


def test_without_the_replacements_three_texts_would_keep_the_old_namespace(folder: Path) -> None:
    example = yaml.safe_load(EXAMPLE.read_text())
    assert example.pop("replacements")
    (folder / EXAMPLE.name).write_text(yaml.safe_dump(example))
    wanted = by_identity(generated.applied(AS_THE_EXAMPLE, "platform-env"))
    different = {identity for identity, found in by_identity(kustomized(folder)).items() if found != wanted[identity]}
    policies = {("ValidatingAdmissionPolicy", f"runtime-env-{name}") for name in ("pods", "secrets")}
    assert different == {*policies, ("MutatingWebhookConfiguration", "runtime-env")}


def test_the_namespace_follows_with_its_pod_security(folder: Path) -> None:
    example = yaml.safe_load(EXAMPLE.read_text())
    assert example["namespace"] != NAMESPACE
    [namespace] = chart.of_kind(kustomized(folder), "Namespace")
    assert namespace["metadata"]["name"] == example["namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_an_api_server_takes_the_namespace_of_what_has_none(folder: Path, policies: Cluster) -> None:
    """kustomize doesn't know that these kinds are the cluster's."""
    found = chart.of_kind(kustomized(folder), *POLICIES)
    assert {policy["metadata"]["namespace"] for policy in found} == {"platform-env"}
    how = ("--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server")
    assert policies.apply(found, *how).err == ""
