"""What a write sends: the object that POST makes, and the operations that change one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from runtimeenv.api.claimants import Live
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Ref, scope_fields
from runtimeenv.core.patches import Op, add, member, remove


@dataclass(frozen=True, slots=True)
class Edit:
    """The fields to set; None leaves one as it is."""

    sealed: str | None = field(repr=False)
    enabled: bool | None
    notes: Mapping[str, Any] | None


def own_ref(home: str, identity: Identity) -> Ref:
    """Where POST makes a variable: a name that follows from the identity, so concurrent ones meet (design §8)."""
    return Ref(home, identity.id.replace("_", "-"))


def manifest(ref: Ref, identity: Identity, edit: Edit, key_id: str) -> dict[str, Any]:
    """A new variable, whole."""
    kind, _, workspace, project = scope_fields(identity.layer.scope)
    ids = {"workspaceId": workspace, "projectId": project}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "RuntimeEnvVar",
        "metadata": {
            "namespace": ref.namespace,
            "name": ref.name,
            "annotations": {names.API_KEY_ANNOTATION: key_id},
        },
        "spec": {
            "scope": kind,
            **{name: text for name, text in ids.items() if text},
            "target": identity.layer.target,
            "name": identity.name,
            "enabled": edit.enabled is not False,
            **({"metadata": dict(edit.notes)} if edit.notes else {}),
            "sealedValue": edit.sealed,
        },
    }


def overwriting(live: Live, edit: Edit, key_id: str) -> list[Op]:
    """Sets every field, whatever stands there by now: the object's UID is the lock, which no other write moves.

    But where the first annotation comes in, it would sweep away those that others set meanwhile.
    """
    meta = live.metadata
    return [
        add("/metadata/uid", meta.uid) if meta.annotations else add("/metadata/resourceVersion", meta.resource_version),
        *_sources(live, edit),
        add("/spec/enabled", edit.enabled is not False),
        add("/spec/metadata", dict(edit.notes or {})),
        _annotation(live, key_id),
    ]


def changing(live: Live, edit: Edit, key_id: str) -> list[Op]:
    """Sets what differs, on the very state that was read; nothing where all is so already."""
    ops = _sources(live, edit)
    if edit.enabled not in (None, live.spec.enabled):
        ops.append(add("/spec/enabled", edit.enabled))
    if edit.notes is not None and _json(edit.notes) != _json(live.spec.metadata):
        ops.append(add("/spec/metadata", dict(edit.notes)))
    lock = add("/metadata/resourceVersion", live.metadata.resource_version)
    return [lock, *ops, _annotation(live, key_id)] if ops else []


def _sources(live: Live, edit: Edit) -> list[Op]:
    if edit.sealed is None:
        return []
    gone = [remove("/spec/valueFrom")] if live.spec.value_from is not None else []
    return [*gone, add("/spec/sealedValue", edit.sealed)]


def _json(notes: Mapping[str, Any]) -> bytes:
    """Python's own comparison takes 1, 1.0 and true for the same. Nested too deeply they are like no others."""
    try:
        return msgspec.json.encode(dict(notes), order="sorted")
    except RecursionError:
        return b""


def _annotation(live: Live, key_id: str) -> Op:
    if not live.metadata.annotations:
        return add("/metadata/annotations", {names.API_KEY_ANNOTATION: key_id})
    return add(member("/metadata/annotations", names.API_KEY_ANNOTATION), key_id)
