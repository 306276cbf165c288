from __future__ import annotations

import json
from typing import Any

import pytest

from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import Invalid, KeyUnavailable
from runtimeenv.kek.local import LocalKek
from runtimeenv.kek.provider import KekStatus, WrappedKey
from runtimeenv.kek.stored import StoredKeyring, open_keyring, wrap_keyring
from tests.fakes.cluster import FakeCluster
from tests.unit.crypto.examples import KEYRING, OTHER_KEYRING

NOW = "2026-11-24T16:00:00Z"


class UnboundKek:
    """A provider that authenticates nothing, as a KMS without a context may."""

    async def status(self) -> KekStatus:
        return KekStatus("unbound")

    async def wrap(self, key: bytes, context: bytes) -> WrappedKey:
        return WrappedKey("unbound", key + context[:0], {"kms/note": b"\xff"})

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        return wrapped.ciphertext + context[:0]


async def _local() -> LocalKek:
    kek = LocalKek(FakeCluster(), "runtime-env-system")
    await kek.create()
    return kek


def _ids(keyring: Keyring) -> str:
    return repr(keyring)


async def test_a_new_keyring_survives_being_stored() -> None:
    kek = await _local()
    stored = StoredKeyring.parse((await wrap_keyring(KEYRING, kek, NOW)).encode())
    opened = await open_keyring(stored, kek)
    assert _ids(opened) == _ids(KEYRING)
    assert opened.primary().secret == KEYRING.primary().secret
    assert opened.sealing_key() == KEYRING.sealing_key()


async def test_no_key_stands_in_clear() -> None:
    raw = (await wrap_keyring(KEYRING, await _local(), NOW)).encode()
    for secret in (KEYRING.primary().secret, KEYRING.primary_unsealing().secret):
        assert secret not in raw
        assert secret.hex() not in raw.decode()


async def _json(keyring: Keyring) -> Any:
    return json.loads((await wrap_keyring(keyring, UnboundKek(), NOW)).encode())


async def test_retired_and_staged_keys_open_but_are_not_used() -> None:
    both, older = await _json(KEYRING), await _json(OTHER_KEYRING)
    for role, state in (("data", "retired"), ("sealing", "staged")):
        both[role].insert(0, {**older[role][0], "state": state})
    opened = await open_keyring(StoredKeyring.parse(json.dumps(both).encode()), UnboundKek())
    assert opened.primary().key_id == KEYRING.primary().key_id
    assert opened.sealing_key() == KEYRING.sealing_key()
    assert opened.data_key(OTHER_KEYRING.primary().key_id) == OTHER_KEYRING.primary()
    assert opened.unsealing_key(OTHER_KEYRING.sealing_key().key_id).sealing_key == OTHER_KEYRING.sealing_key()


async def test_the_provider_s_annotations_come_back_to_it() -> None:
    stored = StoredKeyring.parse((await wrap_keyring(KEYRING, UnboundKek(), NOW)).encode())
    assert stored.data[0].wrapped.annotations == {"kms/note": b"\xff"}


async def test_a_key_under_another_s_id_is_noticed_whatever_the_kek() -> None:
    stored, foreign = await _json(KEYRING), await _json(OTHER_KEYRING)
    for role in ("data", "sealing"):
        swapped = {**stored, role: [{**stored[role][0], "wrapped": foreign[role][0]["wrapped"]}]}
        with pytest.raises(Invalid, match="is not the one its id names"):
            await open_keyring(StoredKeyring.parse(json.dumps(swapped).encode()), UnboundKek())


async def test_a_key_of_another_size_is_noticed() -> None:
    stored = await _json(KEYRING)
    stored["data"][0]["wrapped"]["ciphertext"] = "AAAA"
    with pytest.raises(Invalid, match="is not the one its id names"):
        await open_keyring(StoredKeyring.parse(json.dumps(stored).encode()), UnboundKek())


async def test_a_key_in_another_role_does_not_unwrap() -> None:
    kek = await _local()
    stored = json.loads((await wrap_keyring(KEYRING, kek, NOW)).encode())
    stored["data"][0]["wrapped"] = stored["sealing"][0]["wrapped"]
    with pytest.raises(KeyUnavailable):
        await open_keyring(StoredKeyring.parse(json.dumps(stored).encode()), kek)


def _without_primary(stored: Any) -> None:
    stored["data"][0]["state"] = "retired"


def _two_primaries(stored: Any) -> None:
    stored["sealing"].append({**stored["sealing"][0], "id": "0" * 16})


def _two_of_one_id(stored: Any) -> None:
    stored["data"].append({**stored["data"][0], "state": "retired"})


def _no_data_keys(stored: Any) -> None:
    stored["data"] = []


def _unknown_field(stored: Any) -> None:
    stored["data"][0]["expires"] = NOW


def _unknown_state(stored: Any) -> None:
    stored["data"][0]["state"] = "lost"


def _unknown_suite(stored: Any) -> None:
    stored["sealing"][0]["suite"] = "x25519"


def _newer_format(stored: Any) -> None:
    stored["format"] = 2


@pytest.mark.parametrize(
    ("damage", "mend"),
    [
        (_without_primary, "exactly one primary key"),
        (_two_primaries, "exactly one primary key"),
        (_no_data_keys, "exactly one primary key"),
        (_two_of_one_id, "two keys of one id"),
        (_unknown_field, "is not a keyring"),
        (_unknown_state, "is not a keyring"),
        (_unknown_suite, "is not a keyring"),
        (_newer_format, "has format 2, this release reads 1"),
    ],
)
async def test_a_keyring_that_would_lose_or_mistake_keys_is_refused(damage: Any, mend: str) -> None:
    stored = await _json(KEYRING)
    damage(stored)
    with pytest.raises(Invalid, match=f"^keyring: .*{mend}"):
        StoredKeyring.parse(json.dumps(stored).encode())


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"format":"1"}', b"\xff", b'{"format":1}', b'"\xff"'])
def test_what_is_no_keyring_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid, match="is not a keyring"):
        StoredKeyring.parse(raw)
