"""The rendered roles are exactly the tables of docs/rbac.md."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.builders import Manifest
from tests.documents import REPOSITORY
from tests.kube import chart
from tests.kube.chart import NAMESPACE

Rule = tuple[str, str, str, str, frozenset[str], frozenset[str]]  # whose, where, API group, resource, names, verbs
AGGREGATES = "rbac.authorization.k8s.io/aggregate-to-"
CONDITIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "": lambda values: True,  # noqa: ARG005 - always
    "certificates: controller": lambda values: values["certificates"] == "controller",
    "api.enabled": lambda values: values["api"]["enabled"],
}


def rows(heading: str) -> list[dict[str, str]]:
    """The table below a heading, by the names of its columns."""
    text = (REPOSITORY / "docs/rbac.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in cells] for cells in lines]
    return [dict(zip(head, cells, strict=True)) for cells in body]


def listed(cell: str) -> frozenset[str]:
    return frozenset(part.strip().replace("core", "") for part in cell.split(",") if part.strip())


def documented(values: dict[str, Any]) -> set[Rule]:
    return {
        (row["account"], row["where"], group, resource, listed(row["names"]), listed(row["verbs"]))
        for row in rows("The three processes")
        if CONDITIONS[row["when"]](values)
        for group, resource in itertools.product(listed(row["API group"]), listed(row["resources"]))
    }


def rules(role: Manifest) -> Iterator[tuple[str, str, frozenset[str], frozenset[str]]]:
    for rule in role["rules"]:
        assert set(rule) <= {"apiGroups", "resources", "resourceNames", "verbs"}
        for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
            yield group, resource, frozenset(rule.get("resourceNames", ())), frozenset(rule["verbs"])


def bound(objects: list[Manifest]) -> set[Rule]:
    """What each account of the chart, and everybody, may do; bindings of namespaces are in the operator's."""
    found: set[Rule] = set()
    for binding in chart.of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        [subject] = binding["subjects"]
        whose = (subject["kind"], subject.get("namespace", ""))
        assert whose == ("ServiceAccount", NAMESPACE) or subject["name"] == "system:authenticated"
        assert binding["metadata"].get("namespace", NAMESPACE) == NAMESPACE
        role = chart.named(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        where = "everywhere" if binding["kind"] == "ClusterRoleBinding" else "own namespace"
        found |= {(subject["name"], where, *rule) for rule in rules(role)}
    return found


@pytest.mark.parametrize("certificates", ["controller", "cert-manager"])
@pytest.mark.parametrize("enabled", [False, True], ids=["without-api", "with-api"])
def test_the_processes_may_do_what_the_document_says(certificates: str, enabled: bool) -> None:
    values = {"certificates": certificates, "api": {"enabled": enabled}}
    assert bound(chart.rendered(values)) == documented(values)


def test_the_roles_for_people_are_those_of_the_document() -> None:
    objects = chart.rendered({"api": {"enabled": True}})
    taken = {binding["roleRef"]["name"] for binding in chart.of_kind(objects, "RoleBinding", "ClusterRoleBinding")}
    roles = [role for role in chart.of_kind(objects, "ClusterRole", "Role") if role["metadata"]["name"] not in taken]
    rendered = {(role["metadata"]["name"], aggregated(role), *rule) for role in roles for rule in rules(role)}
    assert rendered == {
        (row["ClusterRole"], listed(row["adds to"]), group, resource, frozenset(), listed(row["verbs"]))
        for row in rows("People")
        for group, resource in itertools.product(listed(row["API group"]), listed(row["resources"]))
    }


def aggregated(role: Manifest) -> frozenset[str]:
    labels = role["metadata"]["labels"]
    return frozenset(label.removeprefix(AGGREGATES) for label in labels if label.startswith(AGGREGATES))


def test_every_rule_has_a_reason() -> None:
    assert [row for heading in ("The three processes", "People") for row in rows(heading) if not row["why"]] == []
