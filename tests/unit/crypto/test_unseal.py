from __future__ import annotations

import traceback
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import VALUE_LIMIT, Plaintext
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import ENCAPSULATED_SIZE, SealedValue, seal
from runtimeenv.crypto.unseal import unseal
from runtimeenv.errors import CannotOpen, Invalid
from tests.unit.crypto.examples import (
    CANARY,
    IDENTITY,
    KEYRING,
    OTHER_KEYRING,
    VALUE,
    identities,
    others,
    values,
)

SEALED = seal(VALUE, IDENTITY, KEYRING.sealing_key())
ONE_TEXT = (
    "does not open as ANTHROPIC_API_KEY of tenant acme, workspace ws_123/sandbox: "
    "it was made for another identity or another cluster, or was changed since; set the value again"
)


@given(values, identities)
def test_what_is_sealed_opens_to_itself(value: Plaintext, identity: Identity) -> None:
    sealed = SealedValue.parse(str(seal(value, identity, KEYRING.sealing_key())))
    assert unseal(sealed, identity, KEYRING) == value


@pytest.mark.parametrize("other", others(IDENTITY))
def test_it_opens_for_no_other_identity(other: Identity) -> None:
    with pytest.raises(CannotOpen) as failed:
        unseal(SEALED, other, KEYRING)
    assert f"does not open as {other.name} of tenant {other.tenant}" in str(failed.value)


# Regions: ML-KEM's ciphertext, X25519's share, the encrypted value, its tag.
@pytest.mark.parametrize("first", [0, 960, 1088, ENCAPSULATED_SIZE, len(SEALED.sealed) - 16])
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_opens_nothing(first: int, bit: int) -> None:
    flipped = bytearray(SEALED.sealed)
    flipped[first] ^= 1 << bit
    with pytest.raises(CannotOpen) as failed:
        unseal(replace(SEALED, sealed=bytes(flipped)), IDENTITY, KEYRING)
    assert str(failed.value) == ONE_TEXT


@settings(max_examples=300)
@given(st.integers(0, len(SEALED.sealed) * 8 - 1))
def test_no_single_bit_is_free(position: int) -> None:
    flipped = bytearray(SEALED.sealed)
    flipped[position // 8] ^= 1 << (position % 8)
    # X25519 ignores the top bit of a share (RFC 7748 §5), X-Wing hashes the share as it is.
    with pytest.raises(CannotOpen):
        unseal(replace(SEALED, sealed=bytes(flipped)), IDENTITY, KEYRING)


@pytest.mark.parametrize(
    "sealed",
    [
        SEALED.sealed[:-1],
        SEALED.sealed + b"\0",
        SEALED.sealed[1:],
        SEALED.sealed[:ENCAPSULATED_SIZE],
        b"",
        bytes(len(SEALED.sealed)),
        SEALED.sealed[:1088] + bytes(32) + SEALED.sealed[ENCAPSULATED_SIZE:],
        seal(VALUE, IDENTITY, KEYRING.sealing_key()).sealed[:ENCAPSULATED_SIZE] + SEALED.sealed[ENCAPSULATED_SIZE:],
    ],
)
def test_cut_lengthened_and_spliced_texts_fail_alike(sealed: bytes) -> None:
    with pytest.raises(CannotOpen) as failed:
        unseal(replace(SEALED, sealed=sealed), IDENTITY, KEYRING)
    assert str(failed.value) == ONE_TEXT


def test_a_key_id_is_looked_up_and_never_tried() -> None:
    foreign = seal(VALUE, IDENTITY, OTHER_KEYRING.sealing_key())
    with pytest.raises(CannotOpen, match=f"^key {foreign.key_id} is not in the keyring"):
        unseal(foreign, IDENTITY, KEYRING)
    both = Keyring(KEYRING.primary(), KEYRING.primary_unsealing(), [OTHER_KEYRING.primary_unsealing()])
    with pytest.raises(CannotOpen, match="does not open"):
        unseal(replace(foreign, key_id=SEALED.key_id), IDENTITY, both)
    assert unseal(foreign, IDENTITY, both) == VALUE


def test_a_retired_key_still_opens() -> None:
    rotated = Keyring(KEYRING.primary(), OTHER_KEYRING.primary_unsealing(), [KEYRING.primary_unsealing()])
    assert unseal(SEALED, IDENTITY, rotated) == VALUE


@pytest.mark.parametrize("text", ["with \0", "x" * (VALUE_LIMIT + 1)])
def test_a_sealed_value_out_of_form_is_invalid_not_unopened(text: str) -> None:
    sealed = seal(Plaintext(text), IDENTITY, KEYRING.sealing_key())
    with pytest.raises(Invalid, match=r"^spec\.sealedValue: "):
        unseal(sealed, IDENTITY, KEYRING)


def test_the_value_shows_in_no_text_of_sealing() -> None:
    with pytest.raises(CannotOpen) as failed:
        unseal(SEALED, others(IDENTITY)[0], KEYRING)
    told = [str(SEALED), repr(SEALED), repr(KEYRING), *traceback.format_exception(failed.value)]
    assert CANARY not in "".join(told)
