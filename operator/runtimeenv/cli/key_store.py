"""API keys as an administrator changes them: one Secret, written whole over the version that was read."""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from runtimeenv.api.key_records import HASH_KEY_FIELD, KeyRecord, read_hash_key, read_records, write_records
from runtimeenv.cluster.kinds import NAMESPACES, SECRETS
from runtimeenv.cluster.protocol import Cluster, Query, pages
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET, DERIVED_LABELS, MANAGED_BY_LABEL, TENANT_LABEL
from runtimeenv.crypto.api_keys import HASH_KEY_SIZE, ApiKey
from runtimeenv.errors import Invalid, NotFound, Stale

TRIES: Final = 10
KEPT: Final = 90 * 24 * 3600
"""Seconds that an ended key stays in the list."""
SIZE_LIMIT: Final = 900 * 1024
"""Bytes of all entries, below the 1 MiB of a Secret: about 3,000 keys."""

R = TypeVar("R")
Records = dict[str, KeyRecord]


@dataclass(frozen=True)
class KeyStore:
    """The keys of one cluster; ``system`` is the operator's namespace. All raise ClusterError."""

    cluster: Cluster
    system: str

    async def read(self) -> Records:
        """All that are stored."""
        return (await self._read())[0]

    async def create(self, record: KeyRecord) -> ApiKey:
        """A new key, with this record but for its hash."""
        key = ApiKey.generate()
        hashed = key.hashed(await self._hash_key()).hex()

        def put(records: Records) -> ApiKey:
            records[key.id] = msgspec.structs.replace(record, hash=hashed)
            return key

        return await self._change(put)

    async def revoke(self, key_ids: tuple[str, ...], now: int) -> list[str]:
        """End keys at once; those that had not ended before. Raises NotFound, and then changes nothing."""

        def end(records: Records) -> list[str]:
            found = [key_id for key_id in dict.fromkeys(key_ids) if not known(records, key_id).ended(now)]
            records |= {key_id: msgspec.structs.replace(records[key_id], revoked=now) for key_id in found}
            return found

        return await self._change(end)

    async def rotate(self, key_id: str, now: int, overlap: int) -> tuple[ApiKey, KeyRecord]:
        """A new key with the rights of an old one, which ends ``overlap`` seconds later; the key and the old record.

        The new one lasts as long as the old one was to last. Raises NotFound, and Invalid where it has ended already.
        """
        key = ApiKey.generate()
        hashed = key.hashed(await self._hash_key()).hex()

        def succeed(records: Records) -> tuple[ApiKey, KeyRecord]:
            old = known(records, key_id)
            if old.ended(now):
                raise Invalid(key_id, "has ended already: create a new key")
            lasts = now + old.expires - old.created if old.expires else 0
            records[key.id] = msgspec.structs.replace(old, hash=hashed, created=now, expires=lasts)
            ends = min(now + overlap, old.expires or now + overlap)
            records[key_id] = msgspec.structs.replace(old, expires=ends)
            return key, records[key_id]

        return await self._change(succeed)

    async def is_enrolled(self, tenant: str) -> bool:
        """Has the tenant any namespace?"""
        query = Query(labels=f"{TENANT_LABEL}={tenant}", limit=1)
        async for page in pages(self.cluster, NAMESPACES, query):
            return bool(page.items)
        return False

    async def _change(self, change: Callable[[Records], R]) -> R:
        """Read, change, write; again where somebody else wrote meanwhile."""
        for turn in range(TRIES):
            records, version = await self._read()
            result = change(records)
            kept = {key_id: record for key_id, record in records.items() if not _forgotten(record, time.time())}
            entries = write_records(kept)
            if sum(map(len, entries.values())) > SIZE_LIMIT:
                raise Invalid(API_KEYS_SECRET, "is full: revoke keys, and wait until they are forgotten after 90 days")
            try:
                await self.cluster.replace(self._secret(API_KEYS_SECRET, entries), version)
            except Stale:
                if turn == TRIES - 1:
                    raise
            else:
                return result
        raise AssertionError("the last turn returns or raises")

    async def _read(self) -> tuple[Records, str | None]:
        found = await self.cluster.get(SECRETS, Ref(self.system, API_KEYS_SECRET))
        if found is None:
            return {}, None
        return read_records(found.data)[0], found.metadata.resource_version

    async def _hash_key(self) -> bytes:
        """The key of the hashes, made with the first API key."""
        ref = Ref(self.system, API_HASH_KEY_SECRET)
        found = await self.cluster.get(SECRETS, ref)
        if found is None:
            with contextlib.suppress(Stale):  # made by somebody else meanwhile
                await self.cluster.replace(self._secret(ref.name, {HASH_KEY_FIELD: os.urandom(HASH_KEY_SIZE)}), None)
            found = await self.cluster.get(SECRETS, ref)
        key = read_hash_key(found.data) if found is not None else None
        if key is None:
            raise Invalid(str(ref), f"holds no key of {HASH_KEY_SIZE} bytes: restore it, or delete it to begin anew")
        return key

    def _secret(self, name: str, entries: Mapping[str, bytes]) -> dict[str, Any]:
        labels = {MANAGED_BY_LABEL: DERIVED_LABELS[MANAGED_BY_LABEL]}
        data = {entry: base64.b64encode(raw).decode() for entry, raw in entries.items()}
        metadata = {"name": name, "namespace": self.system, "labels": labels}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def known(records: Mapping[str, KeyRecord], key_id: str) -> KeyRecord:
    """The record of a key. Raises NotFound."""
    if key_id not in records:
        raise NotFound(f"no API key {key_id}: `runtimeenv apikey list` shows the ids")
    return records[key_id]


def _forgotten(record: KeyRecord, now: float) -> bool:
    ended = min(filter(None, (record.revoked, record.expires)), default=0)
    return bool(ended) and ended + KEPT < now
