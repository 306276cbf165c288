"""Moved to another namespace and back by the printed commands: the keys go along, and no value is lost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path

from tests import builders
from tests.demo import ground
from tests.documents import programs, section
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import policies_in_force
from tests.kube.operator_pods import RESTRICTED, OperatorPods
from tests.node import pods
from tests.typist import Typist

ELSEWHERE = "platform"
LABELS = {pods.TARGET_LABEL: "agent"}


def there(line: str) -> str:
    return line


def back(line: str) -> str:
    """The two namespaces change places."""
    return ELSEWHERE.join(part.replace(ELSEWHERE, NAMESPACE) for part in line.split(NAMESPACE))


def move(operator_pods: OperatorPods, typist: Typist, way: Callable[[str], str]) -> None:
    """Types the printed commands; helm gets the values of the tests."""
    for line in map(way, section("Move")):
        if not line.startswith("helm "):
            typist.type(line)
            continue
        [[_, *words]] = programs(line)
        at = words.index("--namespace")
        namespace, rest = words[at + 1], words[:at] + words[at + 2 :]
        given = ("--values=-", "--timeout=5m") if rest[0] == "install" else ()
        operator_pods.helm(*rest, *given, input=json.dumps(operator_pods.values), namespace=namespace)
    wait(lambda: policies_in_force(operator_pods.cluster), "the policies to be in force")


def derived(cluster: Cluster, namespace: str) -> dict[str, str]:
    """The Secrets that the operator made there, with their versions."""
    listed = cluster.get_json("secrets", "-n", namespace)["items"]
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed}


def test_the_operator_moves_to_another_namespace_and_back_with_its_keys(
    ours: Cluster, operator_pods: OperatorPods, tmp_path: Path
) -> None:
    mark = secrets.token_hex(3)
    typist = Typist(ground.commands(ours), tmp_path)
    with pods.enrolled(ours, f"moved-{mark}", f"tenant-{mark}") as namespace:
        pods.define(ours, builders.variable(f"{namespace}/greeting", "GREETING", value="hello"))
        pods.start(ours, pods.pod(f"{namespace}/before", LABELS))
        before = derived(ours, namespace)
        for name, way, left in (("elsewhere", there, NAMESPACE), ("again", back, ELSEWHERE)):
            move(operator_pods, typist, way)
            assert derived(ours, namespace).items() >= before.items()
            pods.define(ours, builders.variable(f"{namespace}/{name}", name.upper(), value=name))
            ours.kubectl("delete", "namespace", left, timeout=90)
            pods.start(ours, pods.pod(f"{namespace}/{name}", LABELS))
            found = pods.environment(ours, namespace, name)
            assert (found["GREETING"], found[name.upper()]) == ("hello", name)
            before = derived(ours, namespace)
    ours.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
    operator_pods.upgrade()
