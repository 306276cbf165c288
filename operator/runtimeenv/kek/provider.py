"""What a provider of the key-encryption key does: the three calls of a Kubernetes KMS v2 plugin (KEP-3299)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class KekStatus:
    """A provider that answers: ``kek`` is the id of the key that it wraps with now."""

    kek: str


class WrappedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key that only ``kek`` opens; ``annotations`` are the provider's own and come back to it unread."""

    kek: str
    ciphertext: bytes
    annotations: Mapping[str, bytes] = msgspec.field(default_factory=dict)


class KekProvider(Protocol):
    """Wraps keys of 32 bytes. Every failure is KeyUnavailable; ``context`` must be the same on both sides."""

    async def status(self) -> KekStatus:
        """Can it wrap and unwrap now?"""

    async def wrap(self, key: bytes, context: bytes) -> WrappedKey:
        """Encrypt a key under the current KEK."""

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """Decrypt a key that this provider wrapped."""
