"""Wrapping of keys under a key-encryption key that this process holds: AES-256-GCM. For the local provider."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtimeenv.crypto.keyring import KEY_SIZE, derived_id

NONCE_SIZE: Final = 12


class WrongKek(Exception):
    """The KEK does not open this wrapped key in this context."""


class Kek:
    """A key-encryption key of 32 bytes; its repr shows the id alone. Raises ValueError for another size."""

    __slots__ = ("_cipher", "kek_id")

    def __init__(self, secret: bytes) -> None:
        self.kek_id = "local-" + derived_id("renv/kek-id/1", secret)
        self._cipher = AESGCM(secret)

    @staticmethod
    def random() -> bytes:
        """The bytes of a new KEK."""
        return os.urandom(KEY_SIZE)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """A random nonce of 12 bytes, then the key encrypted. A KEK wraps few keys: random nonces don't meet."""
        nonce = os.urandom(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Raises WrongKek."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], context)
        except (InvalidTag, ValueError):
            raise WrongKek from None

    def __repr__(self) -> str:
        return f"Kek({self.kek_id})"
