"""The keyring as its Secret holds it: JSON of a stated format, every key wrapped by the KEK, nothing in clear.

A key is ``staged`` (opens, not used yet), ``primary`` (one of each role), then ``retired`` (still opens).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Literal, TypeVar

import msgspec

from runtimeenv.crypto.binding import wrapping_context
from runtimeenv.crypto.keyring import DataKey, Keyring, UnsealingKey
from runtimeenv.crypto.seal import Suite
from runtimeenv.errors import Invalid
from runtimeenv.kek.provider import KekProvider, WrappedKey

FORMAT: Final = 1
FIELD: Final = "keyring"

Role = Literal["sealing", "data"]
State = Literal["staged", "primary", "retired"]


class StoredDataKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wrapped key; ``created`` is RFC 3339."""

    id: str
    state: State
    created: str
    wrapped: WrappedKey


class StoredSealingKey(StoredDataKey, frozen=True, forbid_unknown_fields=True):
    """The private half of a sealing key, wrapped."""

    suite: Suite


class StoredKeyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All keys of a cluster, wrapped."""

    format: int
    sealing: tuple[StoredSealingKey, ...]
    data: tuple[StoredDataKey, ...]

    @classmethod
    def parse(cls, raw: bytes) -> StoredKeyring:
        """Read it. Raises Invalid for another format, double ids, and unless each role has one primary key."""
        try:
            stated = msgspec.json.decode(raw, type=_Stated).format
            if stated != FORMAT:
                raise Invalid(FIELD, f"has format {stated}, this release reads {FORMAT}: run the release that wrote it")
            stored = msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Invalid(FIELD, "is not a keyring: import one from a backup") from None
        for keys in (stored.sealing, stored.data):
            _primary(keys)
            if len({key.id for key in keys}) != len(keys):
                raise Invalid(FIELD, "has two keys of one id: import it from a backup")
        return stored

    def encode(self) -> bytes:
        """The inverse of `parse`."""
        return msgspec.json.encode(self)


class _Stated(msgspec.Struct):
    format: int


K = TypeVar("K", bound=StoredDataKey)
Opened = TypeVar("Opened", DataKey, UnsealingKey)


async def wrap_keyring(keyring: Keyring, kek: KekProvider, created: str) -> StoredKeyring:
    """The stored form of a new keyring, whose keys are both primary. Raises KeyUnavailable."""
    data, private = keyring.primary(), keyring.primary_unsealing()
    return StoredKeyring(
        FORMAT,
        sealing=(
            StoredSealingKey(
                private.key_id, "primary", created, await _wrap("sealing", private, kek), suite=private.suite
            ),
        ),
        data=(StoredDataKey(data.key_id, "primary", created, await _wrap("data", data, kek)),),
    )


async def open_keyring(stored: StoredKeyring, kek: KekProvider) -> Keyring:
    """Unwrap every key. Raises KeyUnavailable, and Invalid for a key that is not the one its id names."""
    data = {key.id: _checked(key, DataKey, await _unwrap("data", key, kek)) for key in stored.data}
    sealing = {
        key.id: _checked(key, partial(UnsealingKey, key.suite), await _unwrap("sealing", key, kek))
        for key in stored.sealing
    }
    others: tuple[DataKey | UnsealingKey, ...] = (*data.values(), *sealing.values())
    return Keyring(data[_primary(stored.data).id], sealing[_primary(stored.sealing).id], others)


def _checked(stored: StoredDataKey, make: Callable[[bytes], Opened], secret: bytes) -> Opened:
    """Not every KEK authenticates the context; the id, which derives from the key, tells whether it is this one."""
    try:
        opened = make(secret)
    except ValueError:
        opened = None
    if opened is None or opened.key_id != stored.id:
        raise Invalid(FIELD, f"key {stored.id} is not the one its id names: import the keyring from a backup")
    return opened


async def _wrap(role: Role, key: DataKey | UnsealingKey, kek: KekProvider) -> WrappedKey:
    return await kek.wrap(key.secret, wrapping_context(role, key.key_id))


async def _unwrap(role: Role, key: StoredDataKey, kek: KekProvider) -> bytes:
    return await kek.unwrap(key.wrapped, wrapping_context(role, key.id))


def _primary(keys: Iterable[K]) -> K:
    primary = [key for key in keys if key.state == "primary"]
    if len(primary) != 1:
        raise Invalid(FIELD, "needs exactly one primary key of each role: import it from a backup")
    return primary[0]
