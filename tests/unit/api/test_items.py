"""An item is exactly what the API's document shows, in its order."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runtimeenv.api.items import VARIABLE_ID_PATTERN, encode, many, one
from runtimeenv.core.identity import Identity, Layer, Project, Scope, Tenant, Workspace

FIELDS = (
    *("id", "tenant_id", "workspace_id", "project_id", "scope", "target", "name"),
    *("preview", "enabled", "metadata", "created_at", "updated_at"),
)
CREATED, UPDATED = "2026-06-15T15:16:00Z", "2026-06-16T00:00:00.123456Z"


def item(scope: Scope) -> bytes:
    identity = Identity(Layer(scope, "sandbox"), "ANTHROPIC_API_KEY")
    notes = {"provider": "anthropic"}
    return encode(identity, preview="sk-ant...abcd", enabled=True, notes=notes, created=CREATED, updated=UPDATED)


@pytest.mark.parametrize(
    ("scope", "kind", "workspace", "project"),
    [
        (Tenant("tenant_123"), "tenant", None, None),
        (Workspace("tenant_123", "ws_123"), "workspace", "ws_123", None),
        (Project("tenant_123", "blog"), "project", None, "blog"),
    ],
)
def test_every_field_stands_in_its_place(scope: Scope, kind: str, workspace: str | None, project: str | None) -> None:
    shown = json.loads(item(scope))
    assert tuple(shown) == FIELDS
    assert shown == {
        "id": Identity(Layer(scope, "sandbox"), "ANTHROPIC_API_KEY").id,
        "tenant_id": "tenant_123",
        "workspace_id": workspace,
        "project_id": project,
        "scope": kind,
        "target": "sandbox",
        "name": "ANTHROPIC_API_KEY",
        "preview": "sk-ant...abcd",
        "enabled": True,
        "metadata": {"provider": "anthropic"},
        "created_at": CREATED,
        "updated_at": "2026-06-16T00:00:00Z",
    }


def test_an_id_has_the_form_that_the_document_promises() -> None:
    assert re.fullmatch(VARIABLE_ID_PATTERN, json.loads(item(Tenant("acme")))["id"])


def test_notes_nested_too_deeply_to_be_written_are_left_out() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"a": deep}
    identity = Identity(Layer(Tenant("acme"), "all"), "TOKEN")
    shown = json.loads(encode(identity, preview="", enabled=True, notes=deep, created=CREATED, updated=UPDATED))
    assert (shown["name"], shown["metadata"]) == ("TOKEN", {})


def test_answers_wrap_the_bytes_as_they_are() -> None:
    assert one(b'{"id":"a"}') == b'{"data":{"id":"a"}}'
    assert many([], None) == b'{"data":[]}'
    assert many([b"1", b"2"], None) == b'{"data":[1,2]}'
    assert many([b"1"], "abc") == b'{"data":[1],"next_cursor":"abc"}'
