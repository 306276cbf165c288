"""What is stored of API keys: one entry each in the Secret ``runtime-env-api-keys``, and the key of their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from runtimeenv.core.identity import SCOPE_KINDS, ScopeKind
from runtimeenv.crypto.api_keys import HASH_KEY_SIZE, HASH_SIZE, is_key_id

HASH_KEY_FIELD: Final = "key"
Role = Literal["read", "write"]
ROLES: Final[tuple[Role, ...]] = ("read", "write")


class KeyRecord(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One API key; times are seconds since 1970."""

    hash: str
    """HMAC-SHA256 in hex: what a request's key must hash to."""
    tenant: str
    role: Role
    created: int
    expires: int = 0
    """0: never."""
    revoked: int = 0
    """0: not revoked."""
    scopes: tuple[ScopeKind, ...] = ()
    """The scopes that it reaches; empty: see `reach`."""
    workspaces: tuple[str, ...] = ()
    """The workspaces that it reaches of scope workspace; empty: all."""
    projects: tuple[str, ...] = ()
    """The projects that it reaches of scope project; empty: all."""
    description: str = ""

    def __repr__(self) -> str:
        return f"KeyRecord({self.tenant}, {self.role})"

    @property
    def reach(self) -> frozenset[ScopeKind]:
        """The scopes that are named, else those of the ids that are, else all."""
        named: dict[ScopeKind, tuple[str, ...]] = {"workspace": self.workspaces, "project": self.projects}
        return frozenset(self.scopes or [kind for kind, ids in named.items() if ids] or SCOPE_KINDS)

    def ended(self, now: float) -> bool:
        """Revoked or expired."""
        return bool(self.revoked) or (bool(self.expires) and self.expires <= now)


_decode = msgspec.json.Decoder(KeyRecord).decode


def read_records(data: Mapping[str, bytes]) -> tuple[dict[str, KeyRecord], list[str]]:
    """The records by key id, and the names of entries that are none, which let nobody in."""
    records: dict[str, KeyRecord] = {}
    wrong: list[str] = []
    for key_id, raw in data.items():
        record = _record(raw) if is_key_id(key_id) else None
        if record is None:
            wrong.append(key_id)
        else:
            records[key_id] = record
    return records, wrong


def write_records(records: Mapping[str, KeyRecord]) -> dict[str, bytes]:
    """As the Secret holds them."""
    return {key_id: msgspec.json.encode(record) for key_id, record in sorted(records.items())}


def read_hash_key(data: Mapping[str, bytes]) -> bytes | None:
    """The key of the hashes; None where it is none."""
    key = data.get(HASH_KEY_FIELD, b"")
    return key if len(key) == HASH_KEY_SIZE else None


def _record(raw: bytes) -> KeyRecord | None:
    try:
        record = _decode(raw)
        whole = len(bytes.fromhex(record.hash)) == HASH_SIZE
    except (msgspec.MsgspecError, ValueError):
        return None
    return record if whole and record.tenant else None
