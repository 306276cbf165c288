"""What is stored of API keys: one entry each in the Secret ``runtime-env-api-keys``, and the key of their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from runtimeenv.core.identity import ID_PATTERN, SCOPE_KINDS, ScopeKind
from runtimeenv.crypto.api_keys import HASH_KEY_SIZE, is_key_id

HASH_KEY_FIELD: Final = "key"
Role = Literal["read", "write"]
ROLES: Final[tuple[Role, ...]] = ("read", "write")
LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: what a date can tell."""
DESCRIPTION_LIMIT: Final = 200

Second = Annotated[int, Meta(ge=0, le=LAST_SECOND)]
Id = Annotated[str, Meta(pattern=rf"^(?:{ID_PATTERN})\Z")]


class KeyRecord(Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One API key; times are seconds since 1970.

    An entry that is not exactly of this form lets nobody in: a field that is overlooked might be a limit.
    """

    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """HMAC-SHA256 in hex: what a request's key must hash to."""
    tenant: Id
    role: Role
    created: Second
    expires: Second = 0
    """0: never."""
    revoked: Second = 0
    """0: not revoked."""
    scopes: tuple[ScopeKind, ...] = ()
    """The scopes that it reaches; empty: see `reach`."""
    workspaces: tuple[Id, ...] = ()
    """The workspaces that it reaches of scope workspace; empty: all."""
    projects: tuple[Id, ...] = ()
    """The projects that it reaches of scope project; empty: all."""
    description: Annotated[str, Meta(max_length=DESCRIPTION_LIMIT)] = ""
    successor: Annotated[str, Meta(pattern=r"^(?:[a-z2-7]{16})?\Z")] = ""
    """The id of the key that it was rotated to."""

    def __repr__(self) -> str:
        return f"KeyRecord({self.tenant}, {self.role})"

    @property
    def reach(self) -> frozenset[ScopeKind]:
        """The scopes that are named, else those of the ids that are, else all."""
        named: dict[ScopeKind, tuple[str, ...]] = {"workspace": self.workspaces, "project": self.projects}
        return frozenset(self.scopes or [kind for kind, ids in named.items() if ids] or SCOPE_KINDS)

    @property
    def end(self) -> int:
        """When it ends or ended, by revocation or expiry; 0: never."""
        return min(filter(None, (self.revoked, self.expires)), default=0)

    def ended(self, now: float) -> bool:
        """Revoked, whatever a clock says, or expired."""
        return bool(self.revoked) or (bool(self.expires) and self.expires <= now)


_decode = msgspec.json.Decoder(KeyRecord).decode


def read_records(entries: Mapping[str, bytes]) -> tuple[dict[str, KeyRecord], dict[str, bytes]]:
    """The records by key id, and the entries that are none, which let nobody in."""
    records: dict[str, KeyRecord] = {}
    unread: dict[str, bytes] = {}
    for key_id, raw in entries.items():
        record = _record(raw) if is_key_id(key_id) else None
        if record is None:
            unread[key_id] = raw
        else:
            records[key_id] = record
    return records, unread


def write_records(records: Mapping[str, KeyRecord]) -> dict[str, bytes]:
    """As the Secret holds them."""
    return {key_id: msgspec.json.encode(record) for key_id, record in sorted(records.items())}


def read_hash_key(entries: Mapping[str, bytes]) -> bytes | None:
    """The key of the hashes; None where it is none."""
    key = entries.get(HASH_KEY_FIELD, b"")
    return key if len(key) == HASH_KEY_SIZE else None


def _record(raw: bytes) -> KeyRecord | None:
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
