"""API keys as a person or a program reads them: all but the hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from runtimeenv.api.key_records import KeyRecord
from runtimeenv.core.conditions import timestamp
from runtimeenv.core.identity import SCOPE_KINDS

COLUMNS: Final = ("ID", "TENANT", "ROLE", "LIMITS", "CREATED", "EXPIRES", "STATUS", "DESCRIPTION")

Shown = Mapping[str, Any]


def shown(key_id: str, record: KeyRecord, now: float) -> dict[str, Any]:
    """One key; times are RFC 3339, ``expires`` is null for a key that never does."""
    return {
        "id": key_id,
        "tenant": record.tenant,
        "role": record.role,
        "scopes": sorted(record.reach),
        "workspaces": list(record.workspaces),
        "projects": list(record.projects),
        "created": moment(record.created),
        "expires": moment(record.expires) if record.expires else None,
        "status": "Revoked" if record.revoked else "Expired" if record.ended(now) else "Active",
        "successor": record.successor or None,
        "description": record.description,
    }


def ordered(records: Mapping[str, KeyRecord], tenant: str | None, now: float) -> list[Shown]:
    """By tenant, the oldest first; of one tenant where it is given."""
    found = [(key_id, record) for key_id, record in records.items() if tenant in (None, record.tenant)]
    found.sort(key=lambda entry: (entry[1].tenant, entry[1].created, entry[0]))
    return [shown(key_id, record, now) for key_id, record in found]


def as_json(what: object) -> str:
    """Indented, in the order of the fields."""
    return msgspec.json.format(msgspec.json.encode(what), indent=2).decode()


def table(keys: Sequence[Shown]) -> str:
    """A line of headings, then one for each key."""
    rows = [COLUMNS, *map(_row, keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def moment(seconds: int) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def _row(key: Shown) -> tuple[str, ...]:
    fixed = (key["id"], key["tenant"], key["role"], _limits(key), key["created"])
    return (*fixed, key["expires"] or "never", key["status"], key["description"])


def _limits(key: Shown) -> str:
    ids = {"tenant": (), "workspace": key["workspaces"], "project": key["projects"]}
    reached = [kind for kind in SCOPE_KINDS if kind in key["scopes"]]
    if len(reached) == len(SCOPE_KINDS) and not any(ids.values()):
        return "none"
    return ",".join(f"{kind}={'|'.join(ids[kind])}" if ids[kind] else kind for kind in reached)
