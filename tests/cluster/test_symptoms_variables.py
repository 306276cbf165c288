"""docs/troubleshooting.md, of variables: each reason is produced, and its message compared with the document's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster import homes
from tests.cluster.homes import Home
from tests.cluster.writes import SEALED, create
from tests.kube.cluster import wait
from tests.kube.operator import Operator
from tests.symptoms import shown

REFERENCE = {"secretKeyRef": {"name": "keys", "key": "token"}}


@pytest.fixture(scope="module")
def place(operator: Operator) -> Iterator[Home]:
    """One tenant for all that is told of variables."""
    with homes.new(operator) as home:
        home.apply(home.environment())
        yield home


def test_conflict(place: Home) -> None:
    place.apply(place.variable(value="x"), builders.variable(f"{place.namespace}/second", "GREETING", value="y"))
    shown("Conflict", place.until("rvar/second", "Conflict"))


def test_a_field_that_never_changes(place: Home) -> None:
    place.apply(place.variable("fixed", value="x"))
    renamed = ("patch", "rvar/fixed", "-n", place.namespace, "--type=merge", "-p", '{"spec": {"name": "OTHER"}}')
    shown("A write is refused: a field never changes", place.cluster.kubectl(*renamed, check=False).err)


def test_a_source_that_is_missing_lacks_the_key_or_consent(place: Home) -> None:
    place.apply(place.variable("sourced", valueFrom=REFERENCE))
    shown("SourceMissing", place.until("rvar/sourced", "SourceMissing"))
    place.apply(place.source({"token": "x"}))
    place.ready("sourced")
    place.kubectl("patch", "secret/keys", "--type=json", "-p", '[{"op": "remove", "path": "/data/token"}]')
    shown("SourceMissing: the key", place.until("rvar/sourced", "SourceMissing"))
    place.apply(place.source({"token": "x"}, consent=False, name="private"))
    private = {"secretKeyRef": {"name": "private", "key": "token"}}
    place.apply(place.variable("private", valueFrom=private))
    shown("SourceMissing: no consent", place.until("rvar/private", "SourceMissing"))


def test_a_value_out_of_form(place: Home) -> None:
    place.apply(place.source({"token": b"\xff"}, name="binary"))
    place.apply(place.variable("binary", valueFrom={"secretKeyRef": {"name": "binary", "key": "token"}}))
    shown("InvalidValue", place.until("rvar/binary", "InvalidValue"))


def test_a_text_that_was_sealed_for_another_variable(place: Home) -> None:
    place.apply(place.variable("mine", value="x"))
    sealed = place.get("rvar/mine")["spec"]["sealedValue"]
    place.apply(place.variable("stolen", sealed=sealed))
    shown("UnsealFailed", place.until("rvar/stolen", "UnsealFailed"))


def test_an_environment_that_is_too_large(operator: Operator) -> None:
    with homes.new(operator) as home:
        home.apply(home.environment(), *(home.variable(f"large-{number}", value="x" * 32000) for number in range(17)))
        shown("TooLarge", home.until("renv/renv.sandbox", "TooLarge"))


def test_a_quota_in_the_way(home: Home) -> None:
    home.apply(quota(home))
    wait(lambda: home.get("resourcequota/none")["status"]["used"], "the quota to count")
    home.apply(home.variable(value="x"))
    shown("WriteRefused", home.until("rvar/greeting", "WriteRefused"))


def quota(home: Home) -> Manifest:
    metadata = {"name": "none", "namespace": home.namespace}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"count/secrets": "0"}}}


def test_an_environment_that_another_webhook_holds_up(home: Home) -> None:
    home.apply(home.environment())
    home.holds({})
    selector = {"matchLabels": {"kubernetes.io/metadata.name": home.namespace}}
    webhook = {
        "name": "another.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["UPDATE"]}],
        "namespaceSelector": selector,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    api = "admissionregistration.k8s.io/v1"
    metadata = {"name": f"another-{home.namespace}"}
    home.cluster.apply(
        {"apiVersion": api, "kind": "MutatingWebhookConfiguration", "metadata": metadata, "webhooks": [webhook]}
    )
    try:
        change = ("label", "secret/renv.sandbox", "--dry-run=server", "probe=x")
        wait(lambda: "another.example.com" in home.kubectl(*change, check=False).err, "the other webhook to be called")
        home.apply(home.variable(value="x"))
        shown("Propagating for long", home.until("rvar/greeting", "Propagating"))
    finally:
        home.cluster.kubectl("delete", "mutatingwebhookconfiguration", metadata["name"])


def test_writes_that_the_policies_refuse(operator: Operator) -> None:
    for source in ({"sealed": SEALED}, {"value": "x"}):
        done = create(operator.cluster, builders.variable("default/x", **source))
        shown("A write is refused: namespace not enrolled", done.err)
    with homes.new(operator, "ws_1") as team:
        done = create(operator.cluster, builders.variable(f"{team.namespace}/x", sealed=SEALED))
        shown("A write is refused: the scope is wider than the namespace", done.err)


def test_what_was_stored_while_the_policies_were_away(operator: Operator) -> None:
    away = ("runtime-env-enrolment", "runtime-env-variables")
    bindings = [operator.cluster.get_json("validatingadmissionpolicybinding", name) for name in away]
    with homes.new(operator) as home, homes.new(operator, "ws_1", tenant=home.namespace) as team:
        home.apply(home.variable(value="x"))
        home.ready("greeting")
        operator.cluster.kubectl("delete", "validatingadmissionpolicybinding", *away)
        try:
            wide = builders.variable(f"{team.namespace}/wide", sealed=SEALED)
            wait(lambda: create(operator.cluster, wide, dry_run=False).code == 0, "the policies to be away")
            shown("TenantMismatch", team.until("rvar/wide", "TenantMismatch"))
            wait(lambda: relabel(home, "globex"), "the namespace to change hands")
            shown("TenantMismatch: another tenant's namespace", home.until("rvar/greeting", "TenantMismatch"))
            relabel(home, None)
            shown("NotEnrolled", home.until("rvar/greeting", "NotEnrolled"))
        finally:
            for found in bindings:
                known = found["metadata"]
                found["metadata"] = {"name": known["name"], "labels": known.get("labels", {})}
            operator.cluster.apply(bindings, "--server-side", "--field-manager=runtime-env-harness")
        wide["metadata"]["name"] = "wider"
        narrow = builders.namespace("probe", workspace="ws")
        for policy, probe in zip(away, (narrow, wide), strict=True):
            wait(lambda p=policy, w=probe: p in create(operator.cluster, w).err, f"{policy} to be back")  # type: ignore[misc]


def relabel(home: Home, tenant: str | None) -> bool:
    labels: dict[str, Any] = {"metadata": {"labels": {names.TENANT_LABEL: tenant}}}
    words = ("patch", "namespace", home.namespace, "--type=merge", "-p", json.dumps(labels))
    return home.cluster.kubectl(*words, check=False).code == 0
