from __future__ import annotations

import pytest

from runtimeenv.crypto.keyring import DataKey, Keyring, UnsealingKey
from runtimeenv.crypto.seal import Suite
from runtimeenv.errors import CannotOpen
from tests.unit.crypto.examples import KEYRING, OTHER_KEYRING


def test_keys_are_found_by_id_alone() -> None:
    data, unsealing = KEYRING.primary(), KEYRING.primary_unsealing()
    assert KEYRING.data_key(data.key_id) is data
    assert KEYRING.unsealing_key(unsealing.key_id) is unsealing


@pytest.mark.parametrize("key_id", ["0123456789abcdef", "", OTHER_KEYRING.primary().key_id])
def test_an_unknown_key_id_is_named(key_id: str) -> None:
    with pytest.raises(CannotOpen, match=f"^key {key_id} is not in the keyring"):
        KEYRING.data_key(key_id)
    with pytest.raises(CannotOpen, match=f"^key {key_id} is not in the keyring"):
        KEYRING.unsealing_key(key_id)


def test_the_two_roles_do_not_stand_in_for_each_other() -> None:
    with pytest.raises(CannotOpen):
        KEYRING.data_key(KEYRING.primary_unsealing().key_id)
    with pytest.raises(CannotOpen):
        KEYRING.unsealing_key(KEYRING.primary().key_id)


def test_a_key_s_id_follows_from_the_key() -> None:
    assert DataKey(bytes(range(32))).key_id == KEYRING.primary().key_id != DataKey(bytes(32)).key_id
    same = UnsealingKey(Suite.XWING, bytes(range(32, 64)))
    assert same.key_id == KEYRING.primary_unsealing().key_id == same.sealing_key.key_id


def test_new_keyrings_share_no_key() -> None:
    one, other = Keyring.generate(), Keyring.generate()
    assert one.primary().key_id != other.primary().key_id
    assert one.sealing_key() != other.sealing_key()


def test_a_repr_shows_ids_alone() -> None:
    data, unsealing = KEYRING.primary(), KEYRING.primary_unsealing()
    assert repr(KEYRING) == f"Keyring(data=['{data.key_id}'], sealing=['{unsealing.key_id}'])"
    assert repr(data) == f"DataKey(key_id='{data.key_id}')"
    assert repr(unsealing) == f"UnsealingKey(key_id='{unsealing.key_id}', suite=<Suite.XWING: 'xwing'>)"


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(bytes(size))
    with pytest.raises(ValueError, match="32 bytes"):
        UnsealingKey(Suite.XWING, bytes(size))
