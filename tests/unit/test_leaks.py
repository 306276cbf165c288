"""The search for canaries finds what it claims to find."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from tests.leaks import Canaries


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_a_value_is_found_in_clear_and_in_base64_wherever_it_begins(before: bytes, after: bytes) -> None:
    canaries = Canaries()
    text = before + canaries.through("apply").encode() + after
    assert canaries.doors(text) == ["apply"]
    assert canaries.doors(base64.b64encode(text)) == ["some"]


@given(st.binary())
def test_nothing_is_found_where_nothing_is(text: bytes) -> None:
    canaries = Canaries()
    canaries.through("apply")
    assert canaries.doors(text) == []
