from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.core.identity import Identity
from runtimeenv.crypto.binding import (
    Bound,
    associated_data,
    compare_text,
    fields,
    sealing_info,
    value_info,
    wrapping_context,
)
from tests.unit.crypto.examples import BOUND, IDENTITY, bounds, identities, others, words

parts = st.lists(st.binary(max_size=8), max_size=5)


@given(parts, parts)
def test_no_two_sequences_of_fields_share_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (fields(*one) == fields(*other)) == (one == other)


@given(identities, identities)
def test_no_two_identities_share_sealing_info(one: Identity, other: Identity) -> None:
    assert (sealing_info("xwing", one) == sealing_info("xwing", other)) == (one == other)


@given(bounds, bounds, words, words)
def test_no_two_bindings_share_associated_data(one: Bound, other: Bound, key_id: str, other_id: str) -> None:
    same = associated_data(key_id, one) == associated_data(other_id, other)
    assert same == ((key_id, one) == (other_id, other))


@pytest.mark.parametrize("other", others(IDENTITY))
def test_each_part_of_an_identity_counts(other: Identity) -> None:
    assert sealing_info("xwing", other) != sealing_info("xwing", IDENTITY)
    assert compare_text(other, "renv1.", "v") != compare_text(IDENTITY, "renv1.", "v")


def test_the_suite_counts() -> None:
    assert sealing_info("xwing", IDENTITY) != sealing_info("other", IDENTITY)


def test_encodings_of_different_purposes_never_meet() -> None:
    encodings = [
        sealing_info("", IDENTITY),
        compare_text(IDENTITY, "", ""),
        associated_data("", BOUND),
        value_info("key", "acme"),
        value_info("commitment", "acme"),
        wrapping_context("sealing", "0"),
        wrapping_context("data", "0"),
    ]
    assert len(set(encodings)) == len(encodings)


def test_an_empty_source_is_not_a_missing_field() -> None:
    assert associated_data("k", replace(BOUND, origin="")) != associated_data("k", replace(BOUND, created=""))
