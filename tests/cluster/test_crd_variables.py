"""What the API server takes as a RuntimeEnvVar, and what it says of the rest; it never repeats a value (design §3)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.builders import Manifest, variable
from tests.cluster.conftest import Spaces
from tests.cluster.writes import SEALED, accepted, create
from tests.kube.cluster import Cluster, Completed

pytestmark = pytest.mark.usefixtures("without_webhooks")

CANARY = f"sk-{secrets.token_hex(12)}"
DIGITS = str(secrets.randbelow(10**9) + 10**9)
NUMBER = int(DIGITS)

TENANT = {"scope": "tenant"}
WORKSPACE = {"scope": "workspace", "workspaceId": "ws_1"}
PROJECT = {"scope": "project", "projectId": "blog"}
SEALED_SOURCE = {"sealedValue": SEALED}
FROM = {"valueFrom": {"secretKeyRef": {"name": "llm-keys", "key": "anthropic"}}}
KEY_ID = "0123456789abcdef"


def spec(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A whole spec but for what `parts` and `fields` say; a field that is None is left out."""
    whole: dict[str, Any] = {**TENANT, "name": "TOKEN", **SEALED_SOURCE}
    for part in (*parts, fields):
        whole |= part
    return {key: value for key, value in whole.items() if value is not None}


def value_from(**reference: str) -> dict[str, Any]:
    return {"sealedValue": None, "valueFrom": {"secretKeyRef": reference}}


ACCEPTED: dict[str, dict[str, Any]] = {
    "the least": spec(),
    "scope workspace": spec(WORKSPACE),
    "scope project": spec(PROJECT),
    "target all": spec(target="all"),
    "target sandbox": spec(target="sandbox"),
    "target computer": spec(target="computer"),
    "target agent": spec(target="agent"),
    "disabled": spec(enabled=False),
    "enabled": spec(enabled=True),
    "notes of any form": spec(metadata={"provider": "anthropic", "rollout": {"percent": 5, "on": [True, 1.5]}}),
    "no notes": spec(metadata={}),
    "name of one letter": spec(name="A"),
    "name of one underscore": spec(name="_"),
    "name with digits": spec(name="A1_2B"),
    "name of 128 characters": spec(name="A" * 128),
    "id of one character": spec(WORKSPACE, workspaceId="1"),
    "id of 63 characters": spec(WORKSPACE, workspaceId="w" * 63),
    "id with every sort of character": spec(PROJECT, projectId="aZ0_.-9"),
    "a source Secret": spec(FROM, sealedValue=None),
    "a source key of every sort of character": spec(value_from(name="a.b-c", key="._-aZ0")),
    "a sealed text with a compare tag": spec(sealedValue=f"{SEALED}.0a1b2c3d.AAAAAAAAAAAAAAAAAAAAAA"),
    "a sealed text of another suite": spec(sealedValue=f"renv1.mlkem-1024.{KEY_ID}.QUJD"),
    "a sealed text of the largest value": spec(sealedValue=f"renv1.xwing.{KEY_ID}.{'A' * 45_300}"),
}

WORKSPACE_NEEDED = "spec.workspaceId: Required value: set workspaceId, which scope workspace needs"
PROJECT_NEEDED = "spec.projectId: Required value: set projectId, which scope project needs"
WORKSPACE_ALONE = "spec.workspaceId: Forbidden: remove workspaceId, or use scope workspace"
PROJECT_ALONE = "spec.projectId: Forbidden: remove projectId, or use scope project"
NO_SOURCE = "spec: Required value: give a source: value, sealedValue or valueFrom"
TWO_SOURCES = "spec: Forbidden: keep exactly one of value, sealedValue and valueFrom"
IN_CLEAR = "spec.value: Forbidden: value is never stored in clear"
NOT_SEALED = "spec.sealedValue: Invalid value: sealedValue must be a text made by `runtimeenv seal`"
NAME_FORM = "spec.name: Invalid value: name must be upper-case letters"
KEY_FORM = "spec.valueFrom.secretKeyRef.key: Invalid value: key must be a key of the Secret"


def id_form(field: str) -> str:
    return f"spec.{field}: Invalid value: {field} must be 1 to 63 letters"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no scope": (spec(scope=None), "spec.scope: Required value"),
    "an unknown scope": (spec(scope="galaxy"), 'spec.scope: Unsupported value: "galaxy": supported values: "tenant"'),
    "an empty scope": (spec(scope=""), "spec.scope: Unsupported value"),
    "a scope in capitals": (spec(scope="Tenant"), "spec.scope: Unsupported value"),
    "an unknown target": (spec(target="phone"), 'spec.target: Unsupported value: "phone": supported values: "all"'),
    "no name": (spec(name=None), "spec.name: Required value"),
    "an empty name": (spec(name=""), NAME_FORM),
    "a lower-case name": (spec(name="token"), NAME_FORM),
    "a name with a digit first": (spec(name="1A"), NAME_FORM),
    "a name with a dash": (spec(name="A-B"), NAME_FORM),
    "a name with a line feed after it": (spec(name="A\n"), NAME_FORM),
    "a name beyond ASCII": (spec(name="Ä"), NAME_FORM),
    "a name of 129 characters": (spec(name="A" * 129), "spec.name: Too long"),
    "plaintext as name": (spec(name=CANARY), NAME_FORM),
    "workspace without id": (spec(scope="workspace"), WORKSPACE_NEEDED),
    "workspace with a project's id": (spec(scope="workspace", projectId="p"), WORKSPACE_NEEDED),
    "workspace with both ids": (spec(WORKSPACE, projectId="p"), PROJECT_ALONE),
    "project without id": (spec(scope="project"), PROJECT_NEEDED),
    "project with both ids": (spec(PROJECT, workspaceId="w"), WORKSPACE_ALONE),
    "tenant with a workspace": (spec(workspaceId="w"), WORKSPACE_ALONE),
    "tenant with a project": (spec(projectId="p"), PROJECT_ALONE),
    "tenant with an empty id": (spec(workspaceId=""), WORKSPACE_ALONE),
    "an empty id": (spec(WORKSPACE, workspaceId=""), id_form("workspaceId")),
    "an id with a dash first": (spec(WORKSPACE, workspaceId="-a"), id_form("workspaceId")),
    "an id with a dot last": (spec(PROJECT, projectId="a."), id_form("projectId")),
    "an id with a slash": (spec(PROJECT, projectId="a/b"), id_form("projectId")),
    "an id with a line feed after it": (spec(PROJECT, projectId="a\n"), id_form("projectId")),
    "an id beyond ASCII": (spec(PROJECT, projectId="é"), id_form("projectId")),
    "an id of 64 characters": (spec(WORKSPACE, workspaceId="w" * 64), "spec.workspaceId: Too long"),
    "no source": (spec(sealedValue=None), NO_SOURCE),
    "sealed and from a Secret": (spec(FROM), TWO_SOURCES),
    "sealed and in clear": (spec(value=CANARY), TWO_SOURCES),
    "in clear and from a Secret": (spec(FROM, sealedValue=None, value=CANARY), TWO_SOURCES),
    "all three": (spec(FROM, value=CANARY), TWO_SOURCES),
    "in clear": (spec(sealedValue=None, value=CANARY), IN_CLEAR),
    "empty, in clear": (spec(sealedValue=None, value=""), IN_CLEAR),
    "a number in clear": (spec(sealedValue=None, value=NUMBER), IN_CLEAR),
    "over 32 KiB in clear": (spec(sealedValue=None, value=CANARY * 2000), IN_CLEAR),
    "NUL in clear": (spec(sealedValue=None, value=f"{CANARY}\0"), IN_CLEAR),
    "a truth value in clear": (spec(sealedValue=None, value=True), "spec.value"),
    "a fraction in clear": (spec(sealedValue=None, value=float(f"1.{DIGITS}")), "spec.value"),
    "a fraction that is nearly a number": (spec(sealedValue=None, value=float(f"{DIGITS}00000.5")), "spec"),
    "a list in clear": (spec(sealedValue=None, value=[CANARY]), "spec.value"),
    "a map in clear": (spec(sealedValue=None, value={"key": CANARY}), "spec.value"),
    "plaintext as sealedValue": (spec(sealedValue=CANARY), NOT_SEALED),
    "a number as sealedValue": (spec(sealedValue=NUMBER), NOT_SEALED),
    "a list as sealedValue": (spec(sealedValue=[CANARY]), "spec.sealedValue"),
    "a map as sealedValue": (spec(sealedValue={"key": CANARY}), "spec.sealedValue"),
    "an empty sealedValue": (spec(sealedValue=""), NOT_SEALED),
    "a sealed text cut short": (spec(sealedValue=f"renv1.xwing.{KEY_ID}"), NOT_SEALED),
    "a sealed text with plaintext after it": (spec(sealedValue=f"{SEALED} {CANARY}"), NOT_SEALED),
    "a sealed text with a line feed after it": (spec(sealedValue=f"{SEALED}\n"), NOT_SEALED),
    "a sealed text with a short key id": (spec(sealedValue="renv1.xwing.0123.QUJD"), NOT_SEALED),
    "a sealed text of another version": (spec(sealedValue=f"renv2.xwing.{KEY_ID}.QUJD"), NOT_SEALED),
    "a sealed text in plain base64": (spec(sealedValue=f"renv1.xwing.{KEY_ID}.QU+/"), NOT_SEALED),
    "a sealed text with half a compare tag": (spec(sealedValue=f"{SEALED}.0a1b2c3d"), NOT_SEALED),
    "a sealed text that is too long": (
        spec(sealedValue=f"renv1.xwing.{KEY_ID}.{CANARY * 2000}"),
        "spec.sealedValue: Too long",
    ),
    "an empty valueFrom": (spec(sealedValue=None, valueFrom={}), "spec.valueFrom.secretKeyRef: Required value"),
    "a source without key": (spec(value_from(name="a")), "spec.valueFrom.secretKeyRef.key: Required value"),
    "a source without name": (spec(value_from(key="a")), "spec.valueFrom.secretKeyRef.name: Required value"),
    "a source with an empty key": (spec(value_from(name="a", key="")), "spec.valueFrom.secretKeyRef.key"),
    "a source with an empty name": (spec(value_from(name="", key="a")), "spec.valueFrom.secretKeyRef.name"),
    "a source key with a slash": (spec(value_from(name="a", key="a/b")), KEY_FORM),
    "plaintext as source key": (spec(value_from(name="a", key=f"{CANARY}=")), KEY_FORM),
    "a source of another namespace": (spec(value_from(name="a", key="b", namespace="c")), "namespace"),
    "a source that is a ConfigMap": (
        spec(sealedValue=None, valueFrom={"configMapKeyRef": {"name": "a"}}),
        "configMapKeyRef",
    ),
    "an unknown field": (spec(sealedvalue=CANARY), "sealedvalue"),
    "enabled as text": (spec(enabled="yes"), "spec.enabled"),
    "notes as text": (spec(metadata="a"), "spec.metadata"),
}


def apply_server_side(cluster: Cluster, manifest: Manifest) -> Completed:
    argv = ["apply", "--server-side", "--dry-run=server", "-f", "-"]
    return cluster.kubectl(*argv, input=json.dumps(manifest), check=False)


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(policies: Cluster, spaces: Spaces, case: str) -> None:
    accepted(create(policies, written(spaces, ACCEPTED[case])))


@pytest.mark.parametrize("case", REFUSED)
def test_refused_without_repeating_the_value(policies: Cluster, spaces: Spaces, case: str) -> None:
    given, says = REFUSED[case]
    done = create(policies, written(spaces, given))
    assert done.code != 0, "it was accepted"
    assert says in done.err
    by_server = apply_server_side(policies, written(spaces, given))
    assert by_server.code != 0, "it was accepted server-side"
    for text in (done.out, done.err, by_server.out, by_server.err):
        assert CANARY not in text
        assert DIGITS not in text


def written(spaces: Spaces, given: dict[str, Any]) -> Manifest:
    manifest = variable(f"{spaces.tenant}/x")
    return {**manifest, "spec": given}
