"""The bodies of writes, field by field: what POST creates, and what PATCH and PUT change (design §8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from runtimeenv.api.faults import Faults
from runtimeenv.api.notes import parse_notes
from runtimeenv.api.writes import Change, Draft
from runtimeenv.core import identity as rules
from runtimeenv.core.identity import Identity, Layer, Target, scope_fields, scope_of
from runtimeenv.core.values import Plaintext, check_reserved
from runtimeenv.errors import Invalid

T = TypeVar("T")

SETTABLE: Final = ("value", "enabled", "metadata")
DRAFT_FIELDS: Final = ("scope", "workspace_id", "project_id", "target", "name", *SETTABLE)
READ_ONLY: Final = ("preview", "created_at", "updated_at")
REPEATABLE: Final = ("id", "tenant_id", "workspace_id", "project_id", "scope", "target", "name")
CHANGE_FIELDS: Final = (*SETTABLE, *REPEATABLE, *READ_ONLY)

_SCOPE_FIELDS: Final = {"scope": "scope", "workspaceId": "workspace_id", "projectId": "project_id"}


def parse_draft(body: Mapping[str, Any], tenant: str, allowed_names: frozenset[str]) -> Draft:
    """The variable that a POST describes, defaults filled in. Raises Refused with every fault."""
    faults = Faults(body, DRAFT_FIELDS, "body")
    faults.require("scope", "name", "value")
    scope = _scope(faults, tenant)
    target: Target = faults.take("target", _text(rules.parse_target), "all")
    name = faults.take("name", _text(partial(_name, allowed_names)), "")
    value = faults.take("value", _text(_value), Plaintext(""))
    enabled = faults.take("enabled", _flag, True)
    notes = faults.take("metadata", parse_notes, {})
    faults.check()
    return Draft(Identity(Layer(scope, target), name), value, enabled, notes)


def parse_change(body: Mapping[str, Any], identity: Identity) -> Change:
    """What a PATCH changes; absent fields stay. Raises Refused: identity fields may be repeated, not changed."""
    faults = Faults(body, CHANGE_FIELDS, "body")
    for field, own in _repeatable(identity).items():
        if field in body and body[field] != own:
            faults.add(Invalid(field, "is part of the identity and can't change: leave it out, or create a variable"))
    for field in READ_ONLY:
        faults.take(field, _text(lambda _, text: text), "")
    change = Change(
        value=faults.take("value", _text(_value), None),
        enabled=faults.take("enabled", _flag, None),
        notes=faults.take("metadata", parse_notes, None),
    )
    faults.check()
    return change


def parse_replacement(body: Mapping[str, Any], identity: Identity) -> Change:
    """What a PUT changes: `parse_change`, but an omitted ``enabled`` is true and omitted ``metadata`` empty."""
    change = parse_change(body, identity)
    return Change(
        value=change.value,
        enabled=True if change.enabled is None else change.enabled,
        notes={} if change.notes is None else change.notes,
    )


def _repeatable(identity: Identity) -> dict[str, str | None]:
    kind, tenant, workspace, project = scope_fields(identity.layer.scope)
    fields = (identity.id, tenant, workspace or None, project or None, kind, identity.layer.target, identity.name)
    return dict(zip(REPEATABLE, fields, strict=True))


def _scope(faults: Faults, tenant: str) -> rules.Scope:
    kind = faults.take("scope", _text(lambda _, text: text), "")
    workspace = faults.take("workspace_id", _optional_id, None)
    project = faults.take("project_id", _optional_id, None)
    if faults.spares("scope", "workspace_id", "project_id"):
        try:
            return scope_of(kind, tenant, workspace, project)
        except Invalid as fault:
            faults.add(Invalid(_SCOPE_FIELDS[fault.field], fault.message))
    return rules.Tenant(tenant)


def _optional_id(field: str, value: object) -> str | None:
    return None if value is None else _text(rules.parse_id)(field, value)


def _name(allowed: frozenset[str], field: str, text: str) -> str:
    name = rules.parse_name(field, text)
    check_reserved(field, name, allowed)
    return name


def _value(field: str, text: str) -> Plaintext:
    return Plaintext.parse(text, field)


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid(field, "must be true or false")
    return value


def _text(parse: Callable[[str, str], T]) -> Callable[[str, object], T]:
    """A parser of text as one of JSON values: anything but text is refused."""

    def checked(field: str, value: object) -> T:
        if not isinstance(value, str):
            raise Invalid(field, "must be a string")
        return parse(field, value)

    return checked
