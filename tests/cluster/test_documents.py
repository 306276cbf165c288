"""What the documents print of helm, rendered by the real one, and of curl, answered by the real API."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tests.demo import ground
from tests.documents import DOCUMENTS, REPOSITORY, assignment, commands, programs
from tests.kube import build, chart
from tests.kube.cluster import Cluster
from tests.kube.operator import Operator
from tests.typist import Typist

INSTALLATIONS = [
    words for document in DOCUMENTS for line in commands(document) for words in programs(line) if words[1] == "install"
]
UPGRADES = [
    words for document in DOCUMENTS for line in commands(document) for words in programs(line) if words[1] == "upgrade"
]
PRINTED_IMAGES = {
    word.removeprefix("IMAGE=")
    for line in commands(REPOSITORY / "README.md")
    for words in programs(line)
    for word in words
    if word.startswith("IMAGE=") or (words[:3] == ["kind", "load", "docker-image"] and ":" in word)
}
PRINTED = "http://127.0.0.1:8000"
REQUESTS = [line for line in commands(REPOSITORY / "README.md") if assignment(line) or line.startswith("curl ")]
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
    [image] = {pod["containers"][0]["image"] for pod in pods}
    assert image in PRINTED_IMAGES
    namespaces = {found["metadata"]["namespace"] for found in chart.of_kind(objects, "Deployment")}
    assert namespaces == {words[words.index("--namespace") + 1]}


@pytest.mark.parametrize("words", UPGRADES, ids=" ".join)
def test_the_printed_upgrade_turns_on_what_it_says(words: list[str]) -> None:
    for path, wanted in given(words).items():
        name = path.removesuffix(".enabled")
        objects = chart.rendered({name: {"enabled": wanted == "true"}})
        assert chart.named(objects, "Deployment", f"runtime-env-{name}")


def test_an_upgrade_without_another_change_is_printed_and_no_command_pins_the_image() -> None:
    assert [words for words in UPGRADES if not given(words)]
    assert [words for words in [*INSTALLATIONS, *UPGRADES] if {"image.tag", "image.digest"} & set(given(words))] == []


def given(words: list[str]) -> dict[str, str]:
    """What a command of helm sets."""
    return dict(word.split("=", 1) for before, word in pairwise(words) if before == "--set")


@pytest.fixture
def acme(operator: Operator) -> Iterator[Cluster]:
    """The namespaces of the examples."""
    namespaces = ("apply", "-f", str(REPOSITORY / "deploy/examples/namespaces.yaml"))
    operator.cluster.kubectl(*namespaces)
    yield operator.cluster
    operator.cluster.kubectl("delete", "namespace", "acme", "acme-ws-123", "--wait=false")


def test_the_printed_requests_do_what_is_said_of_them(acme: Cluster, operator: Operator, tmp_path: Path) -> None:
    typist = Typist(ground.commands(acme), tmp_path)
    here = f"http://127.0.0.1:{operator.launches['api'].api_port}"
    for line in REQUESTS:
        if assignment(line):
            typist.type(line)
    said = [typist.ask(line.replace(PRINTED, here)) for line in REQUESTS if not assignment(line)]
    [posted, listed, patched, deleted] = said
    assert listed["data"] == [posted["data"]]
    assert (posted["data"]["enabled"], patched["data"]["enabled"]) == (True, False)
    assert deleted == {"ok": True, "id": posted["data"]["id"]}
