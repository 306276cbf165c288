"""What POST, PATCH and PUT make of a body, and how they refuse one: by field and mend, never by what was sent."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.drafts import parse_change, parse_draft, parse_replacement
from runtimeenv.api.faults import Refused
from runtimeenv.api.writes import Change, Draft
from runtimeenv.core.identity import Identity, Layer, Project, Scope, Tenant, Workspace
from runtimeenv.core.values import Plaintext

CANARY: Final = "cAnArY-3f9c"
LEAST: Final = {"scope": "tenant", "name": "TOKEN", "value": ""}
OWN: Final = Identity(Layer(Workspace("acme", "ws_123"), "sandbox"), "TOKEN")
REPEATED: Final[dict[str, Any]] = {
    "id": OWN.id,
    "tenant_id": "acme",
    "workspace_id": "ws_123",
    "project_id": None,
    "scope": "workspace",
    "target": "sandbox",
    "name": "TOKEN",
}


def drafted(body: dict[str, Any], *allowed: str) -> Draft:
    return parse_draft(body, "acme", frozenset(allowed))


def test_what_is_left_out_has_its_default() -> None:
    assert drafted(LEAST) == Draft(Identity(Layer(Tenant("acme"), "all"), "TOKEN"), Plaintext(""), True, {})


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({"scope": "tenant", "workspace_id": None, "project_id": None}, Tenant("acme")),
        ({"scope": "workspace", "workspace_id": "ws_123"}, Workspace("acme", "ws_123")),
        ({"scope": "project", "project_id": "blog", "workspace_id": None}, Project("acme", "blog")),
    ],
)
def test_the_scope_takes_its_id_and_null_for_the_others(fields: dict[str, Any], scope: Scope) -> None:
    draft = drafted({**LEAST, **fields, "target": "agent", "enabled": False, "metadata": {"owner": "me"}})
    assert draft.identity == Identity(Layer(scope, "agent"), "TOKEN")
    assert (draft.enabled, draft.notes) == (False, {"owner": "me"})


@pytest.mark.parametrize(
    ("fields", "fields_at_fault"),
    [
        ({"scope": "workspace"}, ["workspace_id"]),
        ({"scope": "project", "workspace_id": CANARY}, ["workspace_id"]),
        ({"scope": "tenant", "workspace_id": CANARY}, ["workspace_id"]),
        ({"scope": "workspace", "workspace_id": f"-{CANARY}"}, ["workspace_id"]),
        ({"scope": "workspace", "workspace_id": ""}, ["workspace_id"]),
        ({"scope": "tenant", "project_id": ""}, ["project_id"]),
        ({"scope": "workspace", "workspace_id": 1}, ["workspace_id"]),
        ({"scope": CANARY}, ["scope"]),
        ({"scope": None}, ["scope"]),
        ({"target": CANARY}, ["target"]),
        ({"target": None}, ["target"]),
        ({"name": CANARY}, ["name"]),
        ({"name": "LD_PRELOAD"}, ["name"]),
        ({"name": ["A"]}, ["name"]),
        ({"value": f"{CANARY}\0"}, ["value"]),
        ({"value": CANARY * 4000}, ["value"]),
        ({"value": f"{CANARY}\ud800"}, ["value"]),
        ({"value": None}, ["value"]),
        ({"value": {CANARY: 1}}, ["value"]),
        ({"enabled": CANARY}, ["enabled"]),
        ({"enabled": 1}, ["enabled"]),
        ({"enabled": None}, ["enabled"]),
        ({"metadata": CANARY}, ["metadata"]),
        ({"metadata": None}, ["metadata"]),
        ({"metadata": {CANARY: 2**60}}, ["metadata"]),
        ({CANARY: CANARY}, ["body"]),
        ({"preview": CANARY}, ["body"]),
        ({"workspaceId": CANARY, "scope": 1, "target": 1, "enabled": 1}, ["body", "scope", "target", "enabled"]),
    ],
)
def test_every_fault_of_a_post_names_its_field_and_echoes_nothing(
    fields: dict[str, Any], fields_at_fault: list[str]
) -> None:
    with pytest.raises(Refused) as refusal:
        drafted({**LEAST, **fields})
    assert [fault.field for fault in refusal.value.faults] == fields_at_fault
    assert all(CANARY not in repr(fault) and CANARY not in str(fault) for fault in refusal.value.faults)


def test_what_a_post_needs_is_named_together() -> None:
    with pytest.raises(Refused) as refusal:
        drafted({})
    assert {fault.field for fault in refusal.value.faults} == {"scope", "name", "value"}
    assert len(refusal.value.faults) == 3


def test_an_administrator_may_allow_a_reserved_name() -> None:
    assert drafted({**LEAST, "name": "LD_PRELOAD"}, "LD_PRELOAD").identity.name == "LD_PRELOAD"


def test_a_patch_changes_what_is_given_and_a_put_resets_the_rest() -> None:
    assert parse_change({}, OWN) == Change(None, None, None)
    assert parse_replacement({}, OWN) == Change(None, True, {})
    body = {"value": "x", "enabled": False, "metadata": {"a": 1}}
    assert parse_change(body, OWN) == parse_replacement(body, OWN) == Change(Plaintext("x"), False, {"a": 1})


def test_a_whole_item_may_be_sent_back() -> None:
    times = {"created_at": "2026-06-15T15:16:00Z", "updated_at": "2026-06-15T15:16:00Z"}
    item = {**REPEATED, "preview": "sk-ant...abcd", "enabled": True, "metadata": {}, **times}
    assert parse_change(item, OWN) == Change(None, True, {})


@pytest.mark.parametrize("field", REPEATED)
@pytest.mark.parametrize("other", [CANARY, None, "", "tenant", True, ["ws_123"]])
def test_the_identity_never_changes(field: str, other: object) -> None:
    if other == REPEATED[field]:
        other = "other"
    for parse in (parse_change, parse_replacement):
        with pytest.raises(Refused) as refusal:
            parse({**REPEATED, field: other}, OWN)
        assert [fault.field for fault in refusal.value.faults] == [field]
        assert CANARY not in str(refusal.value.faults[0])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": None}, "value"),
        ({"enabled": None}, "enabled"),
        ({"metadata": None}, "metadata"),
        ({"preview": 1}, "preview"),
        ({"created_at": None}, "created_at"),
        ({CANARY: 1}, "body"),
    ],
)
def test_every_fault_of_a_change_names_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_change(body, OWN)
    assert [fault.field for fault in refusal.value.faults] == [field]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(CANARY) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.just(CANARY) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
fields = st.sampled_from(
    ["scope", "workspace_id", "project_id", "target", "name", "value", "enabled", "metadata", CANARY]
)


@given(st.dictionaries(fields, anything))
def test_no_body_is_a_fault_of_ours_nor_echoed(body: dict[str, Any]) -> None:
    for parse in (drafted, lambda given: parse_change(given, OWN), lambda given: parse_replacement(given, OWN)):
        try:
            parse({**LEAST, **body} if parse is drafted else body)
        except Refused as refusal:
            texts = [f"{fault!r} {fault}" for fault in refusal.faults]
        else:
            texts = []
        assert not any(CANARY in text for text in texts)
