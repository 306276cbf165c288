from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.compare import compare_tag, verify
from tests.unit.crypto.examples import CANARY, IDENTITY, VALUE, identities, others, values

KEY = bytes(range(32))
TAG = compare_tag(KEY, "0a1b2c3d", IDENTITY, "renv1.x", VALUE)


@given(identities, values)
def test_a_tag_verifies_for_what_it_was_made_of(identity: Identity, value: Plaintext) -> None:
    tag = compare_tag(KEY, "0a1b2c3d", identity, "renv1.x", value)
    assert verify(tag, KEY, identity, "renv1.x", value)


@given(values, values)
def test_another_value_does_not_verify(one: Plaintext, other: Plaintext) -> None:
    tag = compare_tag(KEY, "0a1b2c3d", IDENTITY, "renv1.x", one)
    assert verify(tag, KEY, IDENTITY, "renv1.x", other) == (one == other)


def test_text_and_value_do_not_run_into_each_other() -> None:
    tag = compare_tag(KEY, "0a1b2c3d", IDENTITY, "renv1.x", Plaintext("yz"))
    assert not verify(tag, KEY, IDENTITY, "renv1.xy", Plaintext("z"))


@pytest.mark.parametrize("other", others(IDENTITY))
def test_a_tag_of_one_identity_tells_nothing_about_another(other: Identity) -> None:
    assert not verify(TAG, KEY, other, "renv1.x", VALUE)


def test_another_key_another_text_and_a_flipped_bit_do_not_verify() -> None:
    assert not verify(TAG, bytes(32), IDENTITY, "renv1.x", VALUE)
    assert not verify(TAG, KEY, IDENTITY, "renv1.y", VALUE)
    for position in range(128):
        flipped = bytearray(TAG.tag)
        flipped[position // 8] ^= 1 << (position % 8)
        assert not verify(replace(TAG, tag=bytes(flipped)), KEY, IDENTITY, "renv1.x", VALUE)


@pytest.mark.parametrize("length", range(16))
def test_a_shortened_tag_does_not_verify(length: int) -> None:
    assert not verify(replace(TAG, tag=TAG.tag[:length]), KEY, IDENTITY, "renv1.x", VALUE)


def test_a_tag_is_sixteen_bytes_of_hmac_sha256_as_drawn() -> None:
    parts = ("renv/compare/1", "workspace", "acme", "ws_123", "", "sandbox", "ANTHROPIC_API_KEY", "renv1.x", CANARY)
    drawn = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    assert TAG.tag == hmac.new(KEY, drawn, hashlib.sha256).digest()[:16]


def test_a_short_compare_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        compare_tag(b"short", "0a1b2c3d", IDENTITY, "renv1.x", VALUE)
