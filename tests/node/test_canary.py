"""A random value all the way into a container, searched for wherever on the node it may not be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests import builders
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import NAMES, OperatorPods
from tests.leaks import Canaries
from tests.node import pods

LABELS = {pods.TARGET_LABEL: "sandbox"}


@dataclass(frozen=True)
class Scene:
    """A running pod that has both values."""

    namespace: str
    canaries: Canaries


@pytest.fixture(scope="module")
def scene(node: Cluster, operator_pods: OperatorPods) -> Iterator[Scene]:  # noqa: ARG001 - it must run
    mark, canaries = secrets.token_hex(3), Canaries()
    with pods.enrolled(node, f"canary-{mark}", f"tenant-{mark}") as namespace:
        source = builders.source_secret(f"{namespace}/keys", {"k": canaries.through("SOURCE")})
        reference = {"secretKeyRef": {"name": "keys", "key": "k"}}
        node.apply(source)
        pods.define(
            node,
            builders.variable(f"{namespace}/applied", "APPLIED", value=canaries.through("APPLIED")),
            builders.variable(f"{namespace}/source", "SOURCE", valueFrom=reference),
        )
        pods.start(node, pods.pod(f"{namespace}/holder", LABELS))
        yield Scene(namespace, canaries)


def test_the_values_did_reach_the_container(node: Cluster, scene: Scene) -> None:
    found = pods.environment(node, scene.namespace, "holder")
    assert {name: found[name] for name in scene.canaries.values} == scene.canaries.values


def test_no_log_of_the_control_plane_or_the_node_holds_a_value(node: Cluster, scene: Scene) -> None:
    only_where_files_are_in_reach(node)
    logs = node.logs()
    assert {"kubelet.log", "containerd.log", "kube-apiserver.log"} <= {log.name for log in logs}
    assert scene.canaries.in_files(logs) == {}


@pytest.mark.parametrize("name", NAMES)
def test_no_log_of_the_operator_holds_a_value(scene: Scene, operator_pods: OperatorPods, name: str) -> None:
    text = operator_pods.logs(name)
    assert '"level":' in text
    assert scene.canaries.doors(text.encode()) == []


def test_no_file_of_etcd_holds_a_value(node: Cluster, scene: Scene) -> None:
    only_where_files_are_in_reach(node)
    files = node.etcd_files()
    assert any(scene.namespace.encode() in path.read_bytes() for path in files)
    assert scene.canaries.in_files(files) == {}


def test_no_object_but_the_allowed_secrets_holds_a_value(node: Cluster, scene: Scene) -> None:
    assert scene.canaries.in_objects(node, {"keys"}) == {}


def only_where_files_are_in_reach(node: Cluster) -> None:
    if node.tier != "node":
        pytest.skip(f"tier {node.tier}: the files of the control plane and of the node are out of reach")
