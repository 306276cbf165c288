"""API keys, and the two Secrets that they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtimeenv.api.key_records import KeyRecord, write_records
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET
from runtimeenv.crypto.api_keys import ApiKey
from tests.builders import Manifest, encoded

SYSTEM = "runtime-env-system"
HASH_KEY = bytes(range(32))


def record(key: ApiKey, tenant: str = "acme", hash_key: bytes = HASH_KEY, **facts: Any) -> KeyRecord:
    """What is stored of a key; it may read, unless the facts say otherwise."""
    return KeyRecord(hash=key.hashed(hash_key).hex(), tenant=tenant, **{"role": "read", "created": 1, **facts})


def keys_secret(records: Mapping[str, KeyRecord], others: Mapping[str, bytes] | None = None) -> Manifest:
    """The Secret of these records, and of other entries."""
    return _secret(API_KEYS_SECRET, {**write_records(records), **(others or {})})


def hash_key_secret(hash_key: bytes = HASH_KEY) -> Manifest:
    """The Secret of the hashes' key."""
    return _secret(API_HASH_KEY_SECRET, {"key": hash_key})


def _secret(name: str, entries: Mapping[str, bytes]) -> Manifest:
    metadata = {"name": name, "namespace": SYSTEM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(entries)}
