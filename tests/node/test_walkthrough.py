"""A user's walk through the documents and the examples: what is printed there is typed, on a real node."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo import ground
from tests.documents import DOCUMENTS, EXAMPLES, REPOSITORY, commands, programs
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.node import pods


@pytest.fixture(scope="module")
def shell(node: Cluster, operator_pods: OperatorPods) -> Iterator[Path]:  # noqa: ARG001 - it must run
    """A folder of the commands kubectl and runtimeenv; the image of the examples is on the node."""
    ground.bring_examples_image(node)
    ground.clear(node)
    yield ground.commands(node)
    ground.clear(node)


def typed(shell: Path, command: str, folder: Path) -> str:
    """What a command prints that is typed in the repository's folder. Fails unless it ends with 0."""
    environment = {**os.environ, "PATH": f"{shell}:{os.environ['PATH']}", "KEY": "sk-ant-0123456789", "KUBERC": "off"}
    argv = ["bash", "-e", "-o", "pipefail", "-c", command.replace("> ", f"> {folder}/")]
    done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_line_of_the_documents_works_in_order(shell: Path, tmp_path: Path) -> None:
    said = {}
    for line in (line for document in DOCUMENTS for line in commands(document)):
        if {words[0] for words in programs(line)} <= {"kubectl", "printf", "runtimeenv"}:
            said[line] = typed(shell, line, tmp_path)
    assert "MODEL=claude-small" in said["kubectl exec sandbox --namespace acme -- env"].splitlines()
    assert [line for line in said if "runtimeenv seal" in line and "sealedValue: renv1.xwing." not in said[line]] == []


def test_every_example_applies_and_its_pods_run(shell: Path, node: Cluster, tmp_path: Path) -> None:
    first = [path for name in ("namespaces", "variable-value") for path in EXAMPLES if path.stem == name]
    for path in dict.fromkeys([*first, *EXAMPLES]):
        typed(shell, f"kubectl apply -f {shlex.quote(str(path))}", tmp_path)
    ready = "kubectl wait --for=condition=Ready rvar --all -n acme --timeout=60s"
    typed(shell, ready, tmp_path)
    typed(shell, "kubectl wait --for=condition=Complete job/agent-run -n acme --timeout=60s", tmp_path)
    typed(shell, "kubectl rollout status deployment/sandboxes -n acme --timeout=90s", tmp_path)
    assert "run 42 with claude-" in typed(shell, "kubectl logs job/agent-run -n acme", tmp_path)
    assert pods.environment(node, "acme", "computer")["MODEL"] == "claude-small"


def test_uninstalling_keeps_variables_environments_and_keys(
    shell: Path, node: Cluster, operator_pods: OperatorPods, tmp_path: Path
) -> None:
    typed(shell, "kubectl apply -f deploy/examples/namespaces.yaml -f deploy/examples/variable-value.yaml", tmp_path)
    typed(shell, "kubectl wait --for=condition=Ready rvar/model -n acme --timeout=60s", tmp_path)
    before = kept(node)
    operator_pods.helm("uninstall", RELEASE)
    assert kept(node) == before
    operator_pods.upgrade()
    typed(shell, "kubectl wait --for=condition=Ready rvar --all -n acme --timeout=60s", tmp_path)
    assert kept(node) == before


def kept(node: Cluster) -> dict[str, str]:
    """The variables, and all Secrets that the operator made but its certificate, with their versions."""
    listed = [("rvar", "-A"), ("secrets", "-A", "--field-selector=type!=helm.sh/release.v1,type!=kubernetes.io/tls")]
    items = [item for words in listed for item in node.get_json(*words)["items"]]
    named = {f"{i['kind']} {i['metadata']['namespace']}/{i['metadata']['name']}": i["metadata"] for i in items}
    return {name: metadata["resourceVersion"] for name, metadata in named.items() if "webhook-ca" not in name}
