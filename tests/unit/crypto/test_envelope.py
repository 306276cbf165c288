from __future__ import annotations

import traceback
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import VALUE_LIMIT, Plaintext
from runtimeenv.crypto import text
from runtimeenv.crypto.binding import Bound, associated_data
from runtimeenv.crypto.envelope import Envelope, decrypt, encrypt
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import CannotOpen
from tests.unit.crypto.examples import (
    BOUND,
    CANARY,
    IDENTITY,
    KEYRING,
    OTHER_KEYRING,
    VALUE,
    bounds,
    others,
    values,
)

KEY = KEYRING.primary()
ENVELOPE = encrypt(VALUE, BOUND, KEY)
RAW = ENVELOPE.salt + ENVELOPE.commitment + ENVELOPE.ciphertext
ONE_TEXT = (
    "does not open as ANTHROPIC_API_KEY of tenant acme, workspace ws_123/sandbox: "
    "it was made for another identity or another cluster, or was changed since; set the value again"
)


def _with_raw(raw: bytes) -> Envelope:
    return Envelope.parse(f"renve1.{KEY.key_id}.{text.encode(raw)}")


@given(values, bounds)
def test_what_is_encrypted_opens_to_itself(value: Plaintext, bound: Bound) -> None:
    assert decrypt(Envelope.parse(str(encrypt(value, bound, KEY))), bound, KEYRING) == value


def test_the_longest_value_has_an_envelope_that_reads_back() -> None:
    longest = Plaintext.parse("x" * VALUE_LIMIT)
    assert decrypt(Envelope.parse(str(encrypt(longest, BOUND, KEY))), BOUND, KEYRING) == longest


def test_encrypting_twice_shares_nothing() -> None:
    other = encrypt(VALUE, BOUND, KEY)
    assert other.salt != ENVELOPE.salt
    assert other.commitment != ENVELOPE.commitment
    assert other.ciphertext != ENVELOPE.ciphertext


@pytest.mark.parametrize("other", others(IDENTITY))
def test_it_opens_for_no_other_identity(other: Identity) -> None:
    with pytest.raises(CannotOpen):
        decrypt(ENVELOPE, replace(BOUND, identity=other), KEYRING)


@pytest.mark.parametrize(
    "bound",
    [
        replace(BOUND, uid="another-uid"),
        replace(BOUND, enabled=False),
        replace(BOUND, created="2026-11-24T16:00:01Z"),
        replace(BOUND, origin="6/9b2e-uid/4211"),
        replace(BOUND, origin="7/9b2e-uid/4210"),
        replace(BOUND, origin="7/other-uid/4211"),
        replace(BOUND, origin="7"),
        replace(BOUND, uid=BOUND.created, created=BOUND.uid),
    ],
)
def test_neither_another_object_s_nor_an_older_envelope_opens(bound: Bound) -> None:
    with pytest.raises(CannotOpen) as failed:
        decrypt(ENVELOPE, bound, KEYRING)
    assert str(failed.value) == ONE_TEXT


@settings(max_examples=300)
@given(st.integers(0, len(RAW) * 8 - 1))
def test_no_single_bit_is_free(position: int) -> None:
    flipped = bytearray(RAW)
    flipped[position // 8] ^= 1 << (position % 8)
    with pytest.raises(CannotOpen) as failed:
        decrypt(_with_raw(bytes(flipped)), BOUND, KEYRING)
    assert str(failed.value) == ONE_TEXT


@given(st.integers(0, len(RAW) - 80))
def test_a_cut_envelope_opens_nothing(cut: int) -> None:
    with pytest.raises(CannotOpen):
        decrypt(_with_raw(RAW[: len(RAW) - cut - 1]), BOUND, KEYRING)


def test_a_key_id_is_looked_up_and_never_tried() -> None:
    foreign = encrypt(VALUE, BOUND, OTHER_KEYRING.primary())
    with pytest.raises(CannotOpen, match=f"^key {foreign.key_id} is not in the keyring"):
        decrypt(foreign, BOUND, KEYRING)
    both = Keyring(KEY, KEYRING.primary_unsealing(), [OTHER_KEYRING.primary()])
    with pytest.raises(CannotOpen, match="does not open"):
        decrypt(replace(foreign, key_id=KEY.key_id), BOUND, both)
    assert decrypt(foreign, BOUND, both) == VALUE


def test_a_ciphertext_that_opens_under_two_keys_is_stopped_by_the_commitment() -> None:
    """GCM alone commits to no key: the tag of an attacker's choice may fit. Here it is made to fit on purpose."""
    from runtimeenv.crypto.envelope import _derive  # noqa: PLC0415

    value_key, commitment = _derive(KEY, ENVELOPE.salt, BOUND)
    fitting = AESGCM(value_key).encrypt(bytes(12), b"chosen", associated_data(KEY.key_id, BOUND))
    for wrong in (bytes(32), ENVELOPE.salt, commitment[:-1] + bytes([commitment[-1] ^ 1]), commitment[:31]):
        with pytest.raises(CannotOpen):
            decrypt(Envelope(KEY.key_id, ENVELOPE.salt, wrong, fitting), BOUND, KEYRING)
    assert decrypt(Envelope(KEY.key_id, ENVELOPE.salt, commitment, fitting), BOUND, KEYRING) == Plaintext("chosen")


def test_a_value_out_of_form_is_no_value_of_ours() -> None:
    with pytest.raises(CannotOpen) as failed:
        decrypt(encrypt(Plaintext("with \0"), BOUND, KEY), BOUND, KEYRING)
    assert str(failed.value) == ONE_TEXT


BODY = text.encode(RAW)


@pytest.mark.parametrize(
    "source",
    [
        "",
        CANARY,
        f"renve2.{KEY.key_id}.{BODY}",
        f"renv1.{KEY.key_id}.{BODY}",
        f"renve1.{KEY.key_id.upper()}.{BODY}",
        f"renve1.{KEY.key_id}0.{BODY}",
        f"renve1.{KEY.key_id}.{BODY}=",
        f"renve1.{KEY.key_id}.{BODY}\n",
        f"renve1.{KEY.key_id}.{BODY}.",
        f"renve1.{KEY.key_id}.{text.encode(RAW[:79])}",
        f"renve1.{KEY.key_id}.{text.encode(bytes(64 + VALUE_LIMIT + 17))}",
        f"renve1.{KEY.key_id}." + "A" * (64 * 1024),
    ],
)
def test_what_is_not_an_envelope_is_refused_without_an_echo(source: str) -> None:
    with pytest.raises(CannotOpen, match=r"^is not an envelope of this release") as failed:
        Envelope.parse(source)
    assert CANARY not in str(failed.value)


@given(st.text(max_size=60))
def test_whatever_reads_is_the_one_text_of_what_it_reads_as(tail: str) -> None:
    source = str(ENVELOPE)[: len(str(ENVELOPE)) - len(tail)] + tail
    try:
        parsed = Envelope.parse(source)
    except CannotOpen:
        return
    assert str(parsed) == source


def test_the_value_shows_in_no_text_of_an_envelope() -> None:
    with pytest.raises(CannotOpen) as failed:
        decrypt(ENVELOPE, replace(BOUND, uid="another-uid"), KEYRING)
    told = [str(ENVELOPE), repr(ENVELOPE), *traceback.format_exception(failed.value)]
    assert CANARY not in "".join(told)
    assert repr(ENVELOPE) == f"Envelope(key_id='{KEY.key_id}')"
