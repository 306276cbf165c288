"""Claims across namespaces, and writes that the API server refuses the controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import builders
from tests.cluster import homes
from tests.cluster.homes import Home, condition
from tests.kube.cluster import wait
from tests.kube.operator import Operator


@pytest.fixture
def greeted(home: Home) -> Home:
    """A home whose sandboxes receive GREETING=hello."""
    home.apply(home.environment(), home.variable(value="hello"))
    home.ready("greeting")
    return home


@pytest.fixture
def annex(greeted: Home, operator: Operator) -> Iterator[Home]:
    """Another namespace of the same tenant."""
    with homes.new(operator, tenant=greeted.namespace) as made:
        yield made


def test_a_claim_in_another_namespace_is_named_and_free_once_that_namespace_goes(greeted: Home, annex: Home) -> None:
    later = builders.variable(f"{annex.namespace}/later", "GREETING", value="later")
    annex.apply(annex.environment(), later)
    assert annex.until("rvar/later", "Conflict").startswith(f"{greeted.namespace}/greeting defines this variable")
    annex.holds({"GREETING": "hello"})
    greeted.cluster.kubectl("delete", "namespace", greeted.namespace, "--wait=false")
    annex.until("rvar/later", "Materialized")
    annex.holds({"GREETING": "later"})
    wait(lambda: "TakenOver" in [reason for _, reason, _ in annex.events("later")], "the Event")


def test_a_disabled_or_unreadable_winner_keeps_its_claim(greeted: Home) -> None:
    rival = builders.variable(f"{greeted.namespace}/rival-z", "GREETING", value="later")
    greeted.apply(greeted.variable(value="hello", enabled=False), rival)
    greeted.until("rvar/greeting", "Disabled")
    greeted.until("rvar/rival-z", "Conflict")
    greeted.holds({})
    nowhere = {"secretKeyRef": {"name": "nowhere", "key": "k"}}
    greeted.apply(greeted.variable(valueFrom=nowhere))
    greeted.until("rvar/greeting", "SourceMissing")
    greeted.until("rvar/rival-z", "Conflict")
    greeted.holds({"GREETING": "hello"})


def test_the_same_name_of_another_target_or_scope_is_no_rival(greeted: Home) -> None:
    others = [
        builders.variable(f"{greeted.namespace}/narrow", "GREETING", value="x", target="agent"),
        builders.variable(f"{greeted.namespace}/ws", "GREETING", value="x", scope="workspace", workspaceId="ws_1"),
        builders.variable(f"{greeted.namespace}/blog", "GREETING", value="x", scope="project", projectId="ws_1"),
    ]
    greeted.apply(*others)
    greeted.ready("narrow", "ws", "blog", "greeting")
    assert len({found["status"]["id"] for found in greeted.items("rvar")}) == len(others) + 1


def test_an_id_stays_the_same_when_the_variable_is_made_again(greeted: Home) -> None:
    before = greeted.get("rvar/greeting")["status"]["id"]
    greeted.kubectl("delete", "rvar/greeting")
    greeted.apply(greeted.variable(value="again"))
    greeted.ready("greeting")
    assert greeted.get("rvar/greeting")["status"]["id"] == before
    greeted.holds({"GREETING": "again"})


def test_a_quota_in_the_way_is_told_and_the_next_touch_tries_again(greeted: Home) -> None:
    metadata = {"name": "tight", "namespace": greeted.namespace}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": {"count/secrets": "2"}},
    }
    greeted.apply(quota)
    wait(lambda: greeted.get("resourcequota/tight")["status"]["used"] == {"count/secrets": "2"}, "the quota to count")
    greeted.apply(greeted.variable("other", value="x"))
    said = greeted.until("rvar/other", "WriteRefused")
    assert said.startswith(
        "the API server refuses the derived Secret (HTTP 403): see the namespace's policies and quotas"
    )
    assert condition(greeted.get("rvar/other"), "Stalled")["status"] == "True"
    greeted.kubectl("delete", "resourcequota/tight")
    greeted.kubectl("label", "rvar/other", "try=again")
    greeted.until("rvar/other", "Materialized")
    greeted.holds({"GREETING": "hello", "OTHER": "x"})
