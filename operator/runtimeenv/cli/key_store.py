"""API keys as an administrator changes them: one Secret, written whole over the version that was read."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from runtimeenv.api.key_records import (
    HASH_KEY_FIELD,
    LAST_SECOND,
    KeyRecord,
    read_hash_key,
    read_records,
    write_records,
)
from runtimeenv.cli.stored_keys import Stored
from runtimeenv.cluster.kinds import NAMESPACES, SECRETS
from runtimeenv.cluster.protocol import Cluster, Query
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET, MANAGED_BY, MANAGED_BY_LABEL, TENANT_LABEL
from runtimeenv.crypto.api_keys import HASH_KEY_SIZE, ApiKey
from runtimeenv.errors import Invalid, RuntimeEnvError, Stale

TRIES: Final = 20
BACK_OFF: Final = 0.25
"""Seconds to wait at most, after somebody else wrote first."""

R = TypeVar("R")


class Busy(RuntimeEnvError):
    """Others wrote first, each time."""


@dataclass(frozen=True)
class KeyStore:
    """The keys of one cluster; ``system`` is the operator's namespace. All raise ClusterError."""

    cluster: Cluster
    system: str

    async def read(self) -> Stored:
        """All that is stored."""
        found = await self.cluster.get(SECRETS, Ref(self.system, API_KEYS_SECRET))
        if found is None:
            return Stored({}, {}, None)
        return Stored(*read_records(found.data), found.metadata.resource_version)

    async def create(self, record: KeyRecord) -> ApiKey:
        """A new key, with this record but for its hash. Raises Invalid where there is no room for it."""
        key = ApiKey.generate()
        hashed = await self._hash(key)

        def put(stored: Stored) -> ApiKey:
            stored.records[key.id] = replace(record, hash=hashed)
            stored.make_room(record.created)
            return key

        return await self._change(put)

    async def revoke(self, key_ids: tuple[str, ...], now: int) -> list[str]:
        """End keys at once; those that were not revoked before. Raises NotFound, and then changes nothing.

        Expired ones too: this machine's clock may be ahead of the API's, for which they still live.
        """

        def end(stored: Stored) -> list[str]:
            found = [key_id for key_id in dict.fromkeys(key_ids) if not stored.known(key_id).revoked]
            stored.records |= {key_id: replace(stored.records[key_id], revoked=now) for key_id in found}
            return found

        return await self._change(end)

    async def rotate(self, key_id: str, now: int, overlap: int) -> tuple[ApiKey, KeyRecord, KeyRecord]:
        """A new key with the rights of an old one, which ends ``overlap`` seconds later; the new and the old record.

        The new one lasts as long as the old one was to last. Raises NotFound, and Invalid where it has ended or was
        rotated already, or there is no room for another.
        """
        key = ApiKey.generate()
        hashed = await self._hash(key)

        def succeed(stored: Stored) -> tuple[ApiKey, KeyRecord, KeyRecord]:
            old = stored.known(key_id)
            if old.successor:
                raise Invalid(key_id, f"was rotated to {old.successor} already: rotate that one")
            if old.ended(now):
                raise Invalid(key_id, "has ended already: create a new key")
            lasts = min(now + old.expires - min(old.created, now), LAST_SECOND) if old.expires else 0
            new = replace(old, hash=hashed, created=now, expires=lasts, successor="")
            # Without an overlap it is revoked: whatever the clocks of the API's replicas say.
            ends = {"expires": min(now + overlap, old.expires or LAST_SECOND)} if overlap else {"revoked": now}
            old = replace(old, successor=key.id, **ends)
            stored.records |= {key.id: new, key_id: old}
            stored.make_room(now)
            return key, new, old

        return await self._change(succeed)

    async def is_enrolled(self, tenant: str) -> bool:
        """Has the tenant any namespace?"""
        return bool((await self.cluster.list(NAMESPACES, Query(labels=f"{TENANT_LABEL}={tenant}", limit=1))).items)

    async def _change(self, change: Callable[[Stored], R]) -> R:
        """Read, change, write; again where somebody else wrote meanwhile. Raises Busy."""
        for _ in range(TRIES):
            stored = await self.read()
            stored.forget(int(time.time()))
            result = change(stored)
            entries = {**stored.unread, **write_records(stored.records)}
            with contextlib.suppress(Stale):
                await self.cluster.replace(self._secret(API_KEYS_SECRET, entries), stored.version)
                return result
            await asyncio.sleep(random.uniform(0, BACK_OFF))  # noqa: S311 - so that not all come again at once
        raise Busy("others change API keys all the time: try again")

    async def _hash(self, key: ApiKey) -> str:
        """Under the key of the hashes, which is made with the first API key. Raises Invalid where it is gone or broken.

        The API keys are read first: where there is one, its hash key was made before.
        """
        ref = Ref(self.system, API_HASH_KEY_SECRET)
        stored = await self.read()
        found = await self.cluster.get(SECRETS, ref)
        if found is None and (stored.records or stored.unread):
            mend = f"restore it, or delete the Secret {API_KEYS_SECRET} too, to begin anew"
            raise Invalid(f"Secret {ref}", f"is gone, and with it every API key: {mend}")
        if found is None:
            with contextlib.suppress(Stale):  # made by somebody else meanwhile
                await self.cluster.replace(self._secret(ref.name, {HASH_KEY_FIELD: os.urandom(HASH_KEY_SIZE)}), None)
            found = await self.cluster.get(SECRETS, ref)
        hash_key = read_hash_key(found.data) if found is not None else None
        if hash_key is None:
            raise Invalid(f"Secret {ref}", f"holds no key of {HASH_KEY_SIZE} bytes: restore it from a backup")
        return key.hashed(hash_key).hex()

    def _secret(self, name: str, entries: Mapping[str, bytes]) -> dict[str, Any]:
        data = {entry: base64.b64encode(raw).decode() for entry, raw in entries.items()}
        metadata = {"name": name, "namespace": self.system, "labels": {MANAGED_BY_LABEL: MANAGED_BY}}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
