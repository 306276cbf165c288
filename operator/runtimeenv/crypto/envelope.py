"""Encryption at rest (design §6): data key → per-value key (HKDF-SHA256, RFC 5869) → AES-256-GCM, key committed."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from runtimeenv.core.values import VALUE_LIMIT, Plaintext
from runtimeenv.crypto import text
from runtimeenv.crypto.binding import Bound, associated_data, cannot_open, value_info
from runtimeenv.crypto.keyring import KEY_SIZE, DataKey, Keyring
from runtimeenv.errors import CannotOpen, Invalid

VERSION: Final = "renve1"
SALT_SIZE: Final = 32
COMMITMENT_SIZE: Final = 32
GCM_TAG_SIZE: Final = 16
_HEAD: Final = SALT_SIZE + COMMITMENT_SIZE
_LIMIT: Final = _HEAD + VALUE_LIMIT + GCM_TAG_SIZE
_TEXT_LIMIT: Final = 64 * 1024

# Each per-value key encrypts once: its 32-byte salt is random. So the nonce need not differ, and isn't stored.
_NONCE: Final = bytes(12)

_KEY_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """An encrypted value: ``renve1.<key id>.<base64url of salt (32), commitment (32), ciphertext with its tag>``."""

    key_id: str
    salt: bytes = field(repr=False)
    commitment: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    @classmethod
    def parse(cls, source: str) -> Envelope:
        """Read an envelope; each has exactly one text. Raises CannotOpen."""
        parts = source.split(".") if len(source) <= _TEXT_LIMIT else []
        if len(parts) != 3 or parts[0] != VERSION or not _KEY_ID.fullmatch(parts[1]):
            raise CannotOpen("is not an envelope of this release: set the value again")
        raw = text.decode(parts[2])
        if raw is None or not _HEAD + GCM_TAG_SIZE <= len(raw) <= _LIMIT:
            raise CannotOpen("is not an envelope of this release: set the value again")
        return cls(parts[1], raw[:SALT_SIZE], raw[SALT_SIZE:_HEAD], raw[_HEAD:])

    def __str__(self) -> str:
        return f"{VERSION}.{self.key_id}.{text.encode(self.salt + self.commitment + self.ciphertext)}"


def encrypt(value: Plaintext, bound: Bound, key: DataKey) -> Envelope:
    """Encrypt a value so that it opens for ``bound`` alone."""
    salt = os.urandom(SALT_SIZE)
    value_key, commitment = _derive(key, salt, bound)
    ciphertext = AESGCM(value_key).encrypt(_NONCE, value.reveal().encode(), associated_data(key.key_id, bound))
    return Envelope(key.key_id, salt, commitment, ciphertext)


def decrypt(envelope: Envelope, bound: Bound, keyring: Keyring) -> Plaintext:
    """Open an envelope; ``bound`` comes from the stored object. Raises CannotOpen, whatever the cause."""
    key = keyring.data_key(envelope.key_id)
    value_key, commitment = _derive(key, envelope.salt, bound)
    if not bytes_eq(commitment, envelope.commitment):
        raise cannot_open(bound.identity)
    try:
        raw = AESGCM(value_key).decrypt(_NONCE, envelope.ciphertext, associated_data(key.key_id, bound))
        return Plaintext.from_bytes(raw, "envelope")
    except (InvalidTag, Invalid):
        raise cannot_open(bound.identity) from None


def _derive(key: DataKey, salt: bytes, bound: Bound) -> tuple[bytes, bytes]:
    """The per-value key, and the commitment to it: two outputs of HKDF under two purposes."""
    extracted = HKDF.extract(SHA256(), salt, key.secret)
    tenant = bound.identity.tenant
    return (
        HKDFExpand(SHA256(), KEY_SIZE, value_info("key", tenant)).derive(extracted),
        HKDFExpand(SHA256(), COMMITMENT_SIZE, value_info("commitment", tenant)).derive(extracted),
    )
