"""A release upgraded, rolled back, drained and certified anew under steady traffic: nothing is refused meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests import builders
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import OperatorPods
from tests.node import changes, pods, renewals, traffic
from tests.node.traffic import Meanwhile, Source


@pytest.fixture(scope="module")
def source(node: Cluster, operator_pods: OperatorPods) -> Iterator[Source]:  # noqa: ARG001 - it must run
    with traffic.source(node, f"upgraded-{secrets.token_hex(3)}") as made:
        yield made


def expect_no_fault(meanwhile: Meanwhile) -> None:
    """All that came in was taken, and had what it must have."""
    counted = meanwhile.counted
    assert {kind: found.faults for kind, found in counted.items() if found.faults} == {}
    assert counted["pods"].attempts > 10
    assert counted["agents"].attempts > 0


def derived(node: Cluster, namespace: str) -> dict[str, str]:
    """The versions of the Secrets of the variable and of the environment that the agents get."""
    metadata = [found["metadata"] for found in node.get_json("secrets", "-n", namespace)["items"]]
    greeting = node.get_json("rvar", "greeting", "-n", namespace)["metadata"]["uid"]
    return {m["name"]: m["resourceVersion"] for m in metadata if m["name"] in (f"rvar.{greeting}", "renv.agent")}


def images(release: OperatorPods) -> set[str]:
    """What the operator's pods run."""
    return {pod["spec"]["containers"][0]["image"] for pod in changes.found(release)}


def test_an_upgrade_and_the_way_back_refuse_nothing_and_write_nothing_anew(
    node: Cluster, operator_pods: OperatorPods, source: Source
) -> None:
    before, image = derived(node, source.namespace), images(operator_pods)
    assert len(before) == 2
    with source.traffic("upgrade") as upgrading:
        changes.upgrade(operator_pods)
    assert images(operator_pods) != image or not node.loading
    uses_the_wider_kind(node, source.namespace)
    with source.traffic("rollback") as rolling_back:
        changes.roll_back(operator_pods)
    expect_no_fault(upgrading)
    expect_no_fault(rolling_back)
    assert images(operator_pods) == image
    assert derived(node, source.namespace) == before
    goes_on_without_it(node, source.namespace)


def uses_the_wider_kind(node: Cluster, namespace: str) -> None:
    """A variable has the field that the next release brings; no agent gets it."""
    variable = builders.variable(f"{namespace}/wider", "WIDER", value="x", target="computer")
    pods.define(node, {**variable, "spec": {**variable["spec"], changes.FURTHER: "y"}})
    assert node.get_json("rvar", "wider", "-n", namespace)["spec"][changes.FURTHER] == "y"


def goes_on_without_it(node: Cluster, namespace: str) -> None:
    """The release before does not know the field, and works on the variable as on any other."""
    assert changes.FURTHER not in node.get_json("rvar", "wider", "-n", namespace)["spec"]
    named = ("rvar/wider", "-n", namespace)
    node.kubectl("patch", *named, "--type=merge", "-p", '{"spec": {"enabled": false}}')
    disabled = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Disabled'
    node.kubectl("wait", *named, disabled, "--timeout=60s", timeout=70)


def test_replicas_go_while_a_certificate_ends_and_nothing_is_refused(
    node: Cluster, operator_pods: OperatorPods, source: Source
) -> None:
    # Of other tiers the webhook's pods, that show their certificate, are out of reach from this machine.
    ending = renewals.outlived(operator_pods) if node.tier == "node" else nullcontext()
    with source.traffic("drain") as meanwhile, ending:
        with changes.replaced(operator_pods, "api"):
            operator_pods.kubectl("rollout", "restart", "deployment/runtime-env-api")
            changes.drain_webhook(operator_pods)
        changes.evict_webhook(operator_pods)
    expect_no_fault(meanwhile)


def test_a_certificate_is_rotated_and_nothing_is_refused(
    node: Cluster, operator_pods: OperatorPods, source: Source
) -> None:
    if node.tier != "node":
        pytest.skip(f"tier {node.tier}: the webhook's pods are out of reach from this machine")
    with source.traffic("renewal") as meanwhile:
        renewals.rotate(operator_pods)
    expect_no_fault(meanwhile)
