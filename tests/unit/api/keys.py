"""API keys, the two Secrets that they stand in, and a replica that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtimeenv.api.bearers import Bearers
from runtimeenv.api.key_records import KeyRecord, write_records
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET
from runtimeenv.crypto.api_keys import ApiKey
from runtimeenv.errors import Unauthenticated
from tests.builders import Manifest, encoded
from tests.fakes.cluster import FakeCluster

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


def header(key: ApiKey) -> str:
    """The header that carries it."""
    return f"Bearer {key.reveal()}"


KEY = ApiKey.generate()
REVOKED, EXPIRED, STRANGER = (ApiKey.generate() for _ in range(3))
NOW = 1_000_000.0
RECORDS = {
    KEY.id: record(KEY, role="write"),
    REVOKED.id: record(REVOKED, revoked=5),
    EXPIRED.id: record(EXPIRED, expires=int(NOW)),
}


def _usual() -> FakeCluster:
    return FakeCluster(hash_key_secret(), keys_secret(RECORDS))


@dataclass
class World:
    """A cluster with API keys, and a replica that reads them at a time of the test's choosing."""

    cluster: FakeCluster = field(default_factory=_usual)
    now: float = NOW
    passed: float = 0.0

    def __post_init__(self) -> None:
        self.bearers = Bearers(self.cluster, SYSTEM, lambda: self.now, lambda: self.passed)

    def refused(self, key: ApiKey = KEY) -> bool:
        """Is it? Raises Unavailable where that is not known."""
        try:
            self.bearers.bearer(header(key))
        except Unauthenticated:
            return True
        return False
