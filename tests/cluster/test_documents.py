"""The installation that the documents print, rendered by the real helm."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.documents import DOCUMENTS, REPOSITORY, commands, programs
from tests.kube import build, chart

INSTALLATIONS = [
    words for document in DOCUMENTS for line in commands(document) for words in programs(line) if words[1] == "install"
]
ONLY_FOR_A_CLUSTER = {"--wait", "--create-namespace"}


@pytest.mark.parametrize("words", INSTALLATIONS, ids=" ".join)
def test_the_printed_installation_runs_the_printed_image(words: list[str]) -> None:
    helm = build.binaries(["helm"], print) / "helm"
    options = [word for word in words[2:] if word not in ONLY_FOR_A_CLUSTER]
    argv = [str(helm), "template", *options, f"--kube-version={build.version('k8s.io/kubernetes')}"]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects = [found for found in yaml.safe_load_all(done.stdout) if found]
    pods = [deployment["spec"]["template"]["spec"] for deployment in chart.of_kind(objects, "Deployment")]
    assert {pod["containers"][0]["image"] for pod in pods} == {"registry.example/runtime-env:0.1.0"}
    namespaces = {found["metadata"]["namespace"] for found in chart.of_kind(objects, "Deployment")}
    assert namespaces == {chart.NAMESPACE}
