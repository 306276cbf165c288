"""Metadata: free-form, within limits."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.notes import DEPTH_LIMIT, MEMBER_LIMIT, SIZE_LIMIT, parse_notes
from runtimeenv.errors import Invalid

SAFE = 2**53 - 1

members = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def nested(depth: int) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    for _ in range(depth - 1):
        notes = {"a": notes}
    return notes


@given(st.dictionaries(st.text(max_size=4), members, max_size=4))
def test_small_notes_stay_as_they_are(notes: dict[str, Any]) -> None:
    assert depth_of(notes) > DEPTH_LIMIT or parse_notes("metadata", notes) == notes


@pytest.mark.parametrize(
    "notes",
    [
        {},
        nested(DEPTH_LIMIT),
        {"a": [[[[[[[]]]]]]]},
        {str(i): i for i in range(MEMBER_LIMIT)},
        {"a": [*range(MEMBER_LIMIT)], "b": {str(i): i for i in range(MEMBER_LIMIT)}},
        {"a": SAFE, "b": -SAFE, "c": 0.5, "d": True, "e": None, "f": "\0"},
        {"a": "x" * (SIZE_LIMIT - 8)},
        {"a": "é" * ((SIZE_LIMIT - 8) // 2)},
    ],
)
def test_the_limits_themselves_are_allowed(notes: dict[str, Any]) -> None:
    assert parse_notes("metadata", notes) is notes


@pytest.mark.parametrize(
    ("notes", "mend"),
    [
        (None, "object"),
        ([], "object"),
        ("cAnArY", "object"),
        (nested(DEPTH_LIMIT + 1), "deep"),
        ({"a": [[[[[[[[]]]]]]]]}, "deep"),
        ({str(i): i for i in range(MEMBER_LIMIT + 1)}, "256"),
        ({"a": [{"b": list(range(MEMBER_LIMIT + 1))}]}, "256"),
        ({"a": SAFE + 1}, "2^53-1"),
        ({"a": [-SAFE - 1]}, "2^53-1"),
        ({"a": {"b": 1e300}}, "2^53-1"),
        ({"a": math.inf}, "2^53-1"),
        ({"a": "x" * (SIZE_LIMIT - 7)}, "bytes"),
        ({"a": "é" * (SIZE_LIMIT // 2)}, "bytes"),
        ({"cAnArY" * 4000: 1}, "bytes"),
        ({"a": "cAnArY\ud800"}, "UTF-8"),
        ({"\udfff": 1}, "UTF-8"),
    ],
)
def test_beyond_the_limits_the_rule_is_named(notes: object, mend: str) -> None:
    with pytest.raises(Invalid, match=mend.replace("^", r"\^")) as refusal:
        parse_notes("metadata", notes)
    assert refusal.value.field == "metadata"
    assert "cAnArY" not in str(refusal.value)


def depth_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth_of(member) for member in inner), default=0)


def test_depth_is_counted_as_json_shows_it() -> None:
    assert depth_of(json.loads('{"a": [[], {"b": {}}]}')) == 4
