"""A user's walk through the documents and the examples: what is printed there is typed, on a real node."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from tests.demo import ground
from tests.documents import DOCUMENTS, EXAMPLES, commands, programs, removal, removal_without_helm, section
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import OperatorPods
from tests.node import pods
from tests.node.reinstalling import kept
from tests.typist import Typist

TYPED = {"curl", "kubectl", "printf", "runtimeenv"}
KEY_ID = re.compile(r"(?<=apikey (?:rotate|revoke) )[a-z2-7]{16}")
FORWARDING = "kubectl port-forward "


@pytest.fixture(scope="module")
def typist(
    node: Cluster,
    operator_pods: OperatorPods,  # noqa: ARG001 - it must run
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Typist]:
    """A user of the cluster."""
    ground.clear(node)
    yield Typist(ground.commands(node), tmp_path_factory.mktemp("redirected"))
    ground.clear(node)


def test_every_line_of_the_documents_works_in_order(typist: Typist, node: Cluster) -> None:
    elsewhere = [*removal(), *removal_without_helm(), *section("Move")]
    printed = [line for document in DOCUMENTS for line in commands(document) if line not in elsewhere]
    typable = [line for line in printed if {words[0] for words in programs(line)} <= TYPED]
    said: dict[str, str] = {}
    with ExitStack() as forwarded:
        for line in typable:
            if line.startswith(FORWARDING):
                forwarded.enter_context(forwarding(node, line))
            else:
                said[line] = typed(typist, line, said)
    assert "MODEL=claude-small" in said["kubectl exec sandbox --namespace acme -- env"].splitlines()
    assert [line for line in said if "runtimeenv seal" in line and "sealedValue: renv1.xwing." not in said[line]] == []
    assert [text for line, text in said.items() if line.endswith("/readyz")] == ["ok\n"]


@contextmanager
def forwarding(node: Cluster, line: str) -> Iterator[None]:
    """A printed `kubectl port-forward … &`, as soon as something answers behind it, until the block ends."""
    [[_, *words]] = programs(line)
    port = words[-1].partition(":")[0]
    running = node.spawn([*node.kubectl_argv()[len(node.reach) :], *words], env={}, log=node.folder / f"{port}.log")
    asked = [*node.reach, "curl", "--silent", "--fail", f"http://127.0.0.1:{port}/healthz"]

    def answers() -> bool:
        running.expect_alive()
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    try:
        wait(answers, f"an answer through {line}")
        yield
    finally:
        running.stop()


def typed(typist: Typist, line: str, said: Mapping[str, str]) -> str:
    """What a line prints; the id of an API key in it is that of the newest that was printed."""
    issued = [text.split("_")[2] for text in said.values() if text.startswith("msk_live_")]
    line = KEY_ID.sub(issued[-1], line) if issued else line
    if line.startswith("kubectl logs "):  # a pod that was replaced may go between its list and its log
        return str(wait(lambda: typist.type(line), line))
    return str(typist.ask(line)) if "/api/v1/" in line else typist.type(line)


def test_every_example_applies_and_its_pods_run(typist: Typist, node: Cluster) -> None:
    first = [path for name in ("namespaces", "variable-value") for path in EXAMPLES if path.stem == name]
    for path in dict.fromkeys([*first, *EXAMPLES]):
        typist.type(f"kubectl apply -f {shlex.quote(str(path))}")
    ready = "kubectl wait --for=condition=Ready rvar --all -n acme --timeout=60s"
    typist.type(ready)
    typist.type("kubectl wait --for=condition=Complete job/agent-run -n acme --timeout=60s")
    typist.type("kubectl rollout status deployment/sandboxes -n acme --timeout=90s")
    assert "run 42 with claude-" in typist.type("kubectl logs job/agent-run -n acme")
    assert pods.environment(node, "acme", "computer")["MODEL"] == "claude-small"


def test_removing_it_without_helm_keeps_variables_environments_and_keys(
    typist: Typist, node: Cluster, operator_pods: OperatorPods
) -> None:
    typist.type("kubectl apply -f deploy/examples/namespaces.yaml -f deploy/examples/variable-value.yaml")
    typist.type("kubectl wait --for=condition=Ready rvar/model -n acme --timeout=60s")
    before = kept(node, "acme")
    for line in removal_without_helm():
        typist.type(line)
    assert kept(node, "acme") == before
    operator_pods.upgrade()
    typist.type("kubectl wait --for=condition=Ready rvar --all -n acme --timeout=60s")
    assert kept(node, "acme") == before
