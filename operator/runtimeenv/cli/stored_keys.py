"""The entries of the Secret ``runtime-env-api-keys``, as they are read, changed and written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runtimeenv.api.key_records import KeyRecord, write_records
from runtimeenv.core.names import API_KEYS_SECRET
from runtimeenv.errors import Invalid, NotFound

KEPT: Final = 90 * 24 * 3600
"""Seconds that an ended key stays in the list."""
SIZE_LIMIT: Final = 850 * 1024
"""Bytes of all entries when a key is added: about 3,000 keys. A Secret may have 1 MiB: the rest is for revoking all."""


@dataclass
class Stored:
    """Keys, and what this version can't read, which stays as it is."""

    records: dict[str, KeyRecord]
    unread: Mapping[str, bytes]
    version: str | None
    """The Secret's resourceVersion; None where there is none."""

    def known(self, key_id: str) -> KeyRecord:
        """Raises NotFound, and Invalid where the entry can't be read."""
        if key_id in self.unread:
            raise Invalid(key_id, f"this version can't read it: use a newer one, or delete it from {API_KEYS_SECRET}")
        if key_id not in self.records:
            raise NotFound(f"no API key {key_id}: `runtimeenv apikey list` shows the ids")
        return self.records[key_id]

    def forget(self, now: int) -> None:
        """Drop what ended long ago."""
        for key_id, record in [*self.records.items()]:
            if record.end and record.end + KEPT < now:
                del self.records[key_id]

    def make_room(self, now: int) -> None:
        """Drop ended keys, the longest ended first, until all fit. Raises Invalid where that is not enough."""
        sizes = {key_id: len(raw) for key_id, raw in write_records(self.records).items()}
        over = sum(sizes.values()) + sum(map(len, self.unread.values())) - SIZE_LIMIT
        ended = sorted((record.end, key_id) for key_id, record in self.records.items() if record.ended(now))
        for _, key_id in ended:
            if over <= 0:
                return
            over -= sizes[key_id]
            del self.records[key_id]
        if over > 0:
            raise Invalid(f"Secret {API_KEYS_SECRET}", "is full of keys that have not ended: revoke some")
