"""API keys of the REST API: ``msk_live_<id>_<secret>_<checksum>`` (design §8).

The checksum tells a key that was cut or mistyped, and what a scanner of leaked keys found by chance, from a key,
without any look-up. Only a keyed hash of a key is ever stored.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

from runtimeenv.crypto.binding import API_KEY_WORD, fields
from runtimeenv.errors import Invalid

PREFIX: Final = "msk_live"
HASH_KEY_SIZE: Final = 32
HASH_SIZE: Final = 32

_ID_BYTES: Final = 10
_SECRET_BYTES: Final = 32
_SECRET_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

_TEXT = re.compile(r"msk_live_([a-z2-7]{16})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})", re.ASCII)
_ID = re.compile(r"[a-z2-7]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: its public id (16 characters of base32), and its secret (256 bits as 43 characters of base62)."""

    id: str
    _secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> ApiKey:
        """A new key."""
        name = base64.b32encode(os.urandom(_ID_BYTES)).decode().lower()
        return cls(name, _base62(int.from_bytes(os.urandom(_SECRET_BYTES), "big"), _SECRET_LENGTH))

    @classmethod
    def parse(cls, text: str) -> ApiKey:
        """Read a key. Raises Invalid, telling nothing of it, unless it is whole and its checksum right."""
        parts = _TEXT.fullmatch(text)
        if parts is None or _checksum(parts[1], parts[2]) != parts[3]:
            raise Invalid("API key", "is not one, or was cut or mistyped: copy it again")
        return cls(parts[1], parts[2])

    def hashed(self, hash_key: bytes) -> bytes:
        """What is stored of it: HMAC-SHA256 under the API's hash key (32 bytes)."""
        return hmac.digest(hash_key, fields(API_KEY_WORD, self.id, self._secret), "sha256")

    def reveal(self) -> str:
        """The whole key, to be shown once to whom it is for."""
        return f"{PREFIX}_{self.id}_{self._secret}_{_checksum(self.id, self._secret)}"

    def __str__(self) -> str:
        return f"{PREFIX}_{self.id}_..."


def is_key_id(text: str) -> bool:
    """Has it the form of a key's id?"""
    return bool(_ID.fullmatch(text))


def same(one: bytes, other: bytes) -> bool:
    """Are two hashes equal? In constant time."""
    return hmac.compare_digest(one, other)


def _checksum(key_id: str, secret: str) -> str:
    return _base62(zlib.crc32(f"{PREFIX}_{key_id}_{secret}".encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    """Most significant digit first, padded with zeros."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
