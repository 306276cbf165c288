"""The commands that remove everything, as they are printed: nothing of ours is left in the cluster."""

from __future__ import annotations

import secrets
from pathlib import Path

from runtimeenv.core import names
from tests import builders
from tests.demo import ground
from tests.documents import programs, removal
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import RELEASE, RESTRICTED, OperatorPods
from tests.node import pods
from tests.typist import Typist

EVERYTHING = (
    "crd,clusterrole,clusterrolebinding,mutatingwebhookconfigurations,validatingadmissionpolicies,"
    "validatingadmissionpolicybindings,namespaces,secrets,configmaps,deployments,services,poddisruptionbudgets,leases"
)


def left(node: Cluster) -> list[str]:
    """Objects of ours, or with a label or annotation of our group."""
    found = []
    for item in node.get_json(EVERYTHING, "-A")["items"]:
        metadata = item["metadata"]
        marks = [metadata["name"], *metadata.get("labels", {}), *metadata.get("annotations", {})]
        if any(names.GROUP in mark or "runtime-env" in mark for mark in marks):
            found.append(f"{item['kind']} {metadata['name']}")
    return found


def test_the_printed_removal_leaves_nothing(ours: Cluster, operator_pods: OperatorPods, tmp_path: Path) -> None:
    mark = secrets.token_hex(3)
    with pods.enrolled(ours, f"removed-{mark}", f"tenant-{mark}") as name:
        ours.apply(builders.source_secret(f"{name}/source", {"key": "value"}))
        pods.define(ours, builders.variable(f"{name}/greeting", "GREETING", value="hello"))
        pods.start(ours, pods.pod(f"{name}/agent", {pods.TARGET_LABEL: "agent"}))
        typist = Typist(ground.commands(ours), tmp_path)
        [first, *rest] = removal()
        assert programs(first) == [["helm", "uninstall", RELEASE, "--namespace", NAMESPACE]]
        operator_pods.helm("uninstall", RELEASE)
        for line in rest:
            typist.type(line)
        assert left(ours) == []
        metadata = {"name": NAMESPACE, "labels": RESTRICTED}
        ours.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        operator_pods.upgrade()
