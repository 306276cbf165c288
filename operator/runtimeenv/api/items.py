"""What goes out: a variable as the REST API shows it (design §8). Never a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from runtimeenv.core.identity import (
    ID_PATTERN,
    NAME_LIMIT,
    NAME_PATTERN,
    Identity,
    ScopeKind,
    Target,
    scope_fields,
    scope_kind,
)

VARIABLE_ID_PATTERN: Final = r"^env_[a-z2-7]{26}$"
EXAMPLE_ID: Final = "env_mzxw6ytboi4dsnrqge3tcnzqga"

VariableId = Annotated[
    str,
    Meta(
        description="Made from the identity: the same for ever, in every replica and after a restore.",
        pattern=VARIABLE_ID_PATTERN,
        examples=[EXAMPLE_ID],
    ),
]
_ScopeId = Annotated[str, Meta(pattern=f"^{ID_PATTERN}$", max_length=63)]
_Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-06-15T15:16:00Z"])]


class Item(msgspec.Struct, frozen=True):
    """One variable: everything but its value."""

    id: VariableId
    tenant_id: Annotated[_ScopeId, Meta(description="The tenant of the API key.", examples=["tenant_123"])]
    workspace_id: Annotated[_ScopeId | None, Meta(description="null unless scope is workspace.")]
    project_id: Annotated[_ScopeId | None, Meta(description="null unless scope is project.")]
    scope: Annotated[ScopeKind, Meta(description="How wide the variable reaches; the narrower wins.")]
    target: Annotated[Target, Meta(description="The runtime surface that receives it; one surface wins over all.")]
    name: Annotated[
        str,
        Meta(
            description="Name of the environment variable.",
            pattern=f"^{NAME_PATTERN}$",
            max_length=NAME_LIMIT,
            examples=["ANTHROPIC_API_KEY"],
        ),
    ]
    preview: Annotated[
        str,
        Meta(
            description="First 6 and last 4 characters of long printable values, else a mask of fixed length.",
            examples=["sk-ant...abcd"],
        ),
    ]
    enabled: Annotated[bool, Meta(description="false: not materialized; a variable of a wider scope shows through.")]
    metadata: Annotated[dict[str, Any], Meta(description="Free-form notes.", examples=[{"provider": "anthropic"}])]
    created_at: Annotated[_Time, Meta(description="When the variable was created, in UTC.")]
    updated_at: Annotated[_Time, Meta(description="When it or its source last changed; a key rotation does not count.")]


def encode(
    identity: Identity, *, preview: str, enabled: bool, notes: Mapping[str, Any], created: str, updated: str
) -> bytes:
    """An item as compact JSON, its fields in the documented order; times are RFC 3339 in UTC with ``Z``.

    Notes that kubectl nested almost as deeply as can be read are left out: they would keep the whole list from clients.
    """
    _, tenant, workspace, project = scope_fields(identity.layer.scope)
    item = Item(
        id=identity.id,
        tenant_id=tenant,
        workspace_id=workspace or None,
        project_id=project or None,
        scope=scope_kind(identity.layer.scope),
        target=identity.layer.target,
        name=identity.name,
        preview=preview,
        enabled=enabled,
        metadata=dict(notes),
        created_at=_whole(created),
        updated_at=_whole(updated),
    )
    try:
        return msgspec.json.encode(item)
    except RecursionError:
        return msgspec.json.encode(msgspec.structs.replace(item, metadata={}))


def _whole(time: str) -> str:
    """Whole seconds: those of the API server have no more, and as texts both kinds would sort wrongly."""
    return f"{time[:19]}Z"


def one(item: bytes) -> bytes:
    """The answer that shows one item."""
    return b'{"data":%b}' % item


def many(items: list[bytes], next_cursor: str | None) -> bytes:
    """The answer that lists items; ``next_cursor`` is URL-safe base64, None where no more follow."""
    end = b"]}" if next_cursor is None else b'],"next_cursor":"%b"}' % next_cursor.encode()
    return b'{"data":[' + b",".join(items) + end
