from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.crypto.binding import wrapping_context
from runtimeenv.crypto.wrapping import Kek, WrongKek

KEK = Kek(bytes(range(32)))
CONTEXT = wrapping_context("data", "0123456789abcdef")
WRAPPED = KEK.wrap(bytes(32), CONTEXT)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_a_wrapped_key_unwraps_to_itself(key: bytes, context: bytes) -> None:
    assert KEK.unwrap(KEK.wrap(key, context), context) == key


@pytest.mark.parametrize(
    "context", [b"", wrapping_context("sealing", "0123456789abcdef"), wrapping_context("data", "f")]
)
def test_it_unwraps_in_no_other_role_and_under_no_other_id(context: bytes) -> None:
    with pytest.raises(WrongKek):
        KEK.unwrap(WRAPPED, context)


@given(st.integers(0, len(WRAPPED) * 8 - 1))
def test_no_single_bit_is_free(position: int) -> None:
    flipped = bytearray(WRAPPED)
    flipped[position // 8] ^= 1 << (position % 8)
    with pytest.raises(WrongKek):
        KEK.unwrap(bytes(flipped), CONTEXT)


@pytest.mark.parametrize("wrapped", [b"", WRAPPED[:11], WRAPPED[:12], WRAPPED[:27], WRAPPED[:-1], WRAPPED + b"\0"])
def test_a_cut_key_does_not_unwrap(wrapped: bytes) -> None:
    with pytest.raises(WrongKek):
        KEK.unwrap(wrapped, CONTEXT)


def test_another_kek_does_not_unwrap_and_has_another_id() -> None:
    other = Kek(bytes(32))
    with pytest.raises(WrongKek):
        other.unwrap(WRAPPED, CONTEXT)
    assert other.kek_id != KEK.kek_id == Kek(bytes(range(32))).kek_id


def test_wrapping_twice_gives_two_texts() -> None:
    assert KEK.wrap(bytes(32), CONTEXT) != WRAPPED


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_kek_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Kek(bytes(size))


def test_a_repr_shows_the_id_alone() -> None:
    assert repr(KEK) == f"Kek({KEK.kek_id})"
    assert len(Kek.random()) == 32
    assert Kek.random() != Kek.random()
