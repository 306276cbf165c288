"""The opened keys, found by key id and never by trial. Nothing here shows a key but `secret`.

A key's id is derived from the key itself, so that an id can't come to mean another key, and keyrings can be merged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hashes import SHA256, SHAKE256, XOFHash
from cryptography.hazmat.primitives.hmac import HMAC

from runtimeenv.crypto.binding import unknown_key
from runtimeenv.crypto.seal import SealingKey, Suite

KEY_SIZE: Final = 32
_MLKEM_SEED_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class DataKey:
    """A symmetric key of 32 bytes; values at rest are encrypted with keys derived from it."""

    key_id: str = field(init=False)
    secret: bytes = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", derived_id("renv/data-key-id/1", self.secret))

    @classmethod
    def generate(cls) -> DataKey:
        """A new random key."""
        return cls(os.urandom(KEY_SIZE))


@dataclass(frozen=True, slots=True)
class UnsealingKey:
    """A private X-Wing key; ``secret`` is its 32-byte seed (draft-connolly-cfrg-xwing-kem §5.2)."""

    key_id: str = field(init=False)
    suite: Suite
    secret: bytes = field(repr=False, compare=False)
    sealing_key: SealingKey = field(init=False, repr=False, compare=False)
    private: hpke.MLKEM768X25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        expanded = XOFHash(SHAKE256(digest_size=_MLKEM_SEED_SIZE + KEY_SIZE))
        expanded.update(_sized(self.secret))
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded.squeeze(_MLKEM_SEED_SIZE))
        curve = x25519.X25519PrivateKey.from_private_bytes(expanded.squeeze(KEY_SIZE))
        public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        sealing_key = SealingKey(self.suite, public)
        object.__setattr__(self, "private", hpke.MLKEM768X25519PrivateKey(lattice, curve))
        object.__setattr__(self, "sealing_key", sealing_key)
        object.__setattr__(self, "key_id", sealing_key.key_id)

    @classmethod
    def generate(cls) -> UnsealingKey:
        """A new random key of the current suite."""
        return cls(Suite.XWING, os.urandom(KEY_SIZE))


class Keyring:
    """All keys of one cluster, primary or not. Its repr shows ids alone."""

    __slots__ = ("_data", "_primary", "_primary_sealing", "_unsealing")

    def __init__(
        self, primary: DataKey, primary_sealing: UnsealingKey, others: Iterable[DataKey | UnsealingKey] = ()
    ) -> None:
        self._primary = primary
        self._primary_sealing = primary_sealing
        keys = (*others, primary, primary_sealing)
        self._data = {key.key_id: key for key in keys if isinstance(key, DataKey)}
        self._unsealing = {key.key_id: key for key in keys if isinstance(key, UnsealingKey)}

    @classmethod
    def generate(cls) -> Keyring:
        """A new keyring of two new keys. Only for a cluster that has neither sealed texts nor envelopes (design §6)."""
        return cls(DataKey.generate(), UnsealingKey.generate())

    def primary(self) -> DataKey:
        """The data key that new envelopes are made with."""
        return self._primary

    def primary_unsealing(self) -> UnsealingKey:
        """The private half of `sealing_key`."""
        return self._primary_sealing

    def sealing_key(self) -> SealingKey:
        """The public key to publish: what new texts are sealed with."""
        return self._primary_sealing.sealing_key

    def data_key(self, key_id: str) -> DataKey:
        """Raises CannotOpen, naming an unknown key id."""
        if key := self._data.get(key_id):
            return key
        raise unknown_key(key_id)

    def unsealing_key(self, key_id: str) -> UnsealingKey:
        """Raises CannotOpen, naming an unknown key id."""
        if key := self._unsealing.get(key_id):
            return key
        raise unknown_key(key_id)

    def __repr__(self) -> str:
        return f"Keyring(data={sorted(self._data)}, sealing={sorted(self._unsealing)})"


def derived_id(word: str, secret: bytes) -> str:
    """16 hex characters of HMAC-SHA256 under a key of 32 bytes: an id that tells nothing about the key."""
    mac = HMAC(_sized(secret), SHA256())
    mac.update(word.encode())
    return mac.finalize().hex()[:16]


def _sized(secret: bytes) -> bytes:
    if len(secret) != KEY_SIZE:
        raise ValueError("a key has 32 bytes")
    return secret
