"""JSON that readers could disagree on is refused, in time linear in its length."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.notes import SIZE_LIMIT
from runtimeenv.api.strict_json import CONTAINER_LIMIT, NESTING_LIMIT, Malformed, parse_object

CANARY = "cAnArY-3f9c"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.booleans())
def test_what_json_writes_is_read_back(value: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)
    assert parse_object(text.encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"cAnArY-3f9c"',
        b"1",
        b"{",
        b'{"cAnArY-3f9c": }',
        b"{'cAnArY-3f9c': 1}",
        b'{"a": 1,}',
        b'{"a": 1} cAnArY-3f9c',
        b'{"a": cAnArY-3f9c}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b'{"a": "cAnArY-3f9c\n"}',
        b'{"a": "cAnArY-3f9c',
        b'{"a": "\\x"}',
        b'{"cAnArY-3f9c": 1, "cAnArY-3f9c": 2}',
        b'{"a": [{"b": 1, "\\u0062": 2}]}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32-le"),
    ],
)
def test_what_is_not_one_plain_object_is_refused_without_an_echo(body: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_object(body)
    assert CANARY not in str(refusal.value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_refused_before_the_parser_descends(opening: str, closing: str) -> None:
    deepest = NESTING_LIMIT - 1
    assert parse_object(f'{{"a":{opening * deepest}1{closing * deepest}}}'.encode())
    with pytest.raises(Malformed, match="nested"):
        parse_object(f'{{"a":{opening * NESTING_LIMIT}1{closing * NESTING_LIMIT}}}'.encode())
    with pytest.raises(Malformed, match="nested"):
        parse_object(('{"a":' + opening * 100_000).encode())


def test_a_body_has_only_so_many_objects_and_arrays() -> None:
    assert parse_object(b'{"a":[' + b"{}," * (CONTAINER_LIMIT - 2) + b"[]]}")
    with pytest.raises(Malformed, match="too many"):
        parse_object(b'{"a":[' + b"{}," * CONTAINER_LIMIT + b"[]]}")


def test_the_largest_metadata_of_the_smallest_objects_is_read() -> None:
    assert SIZE_LIMIT // len("{}") < CONTAINER_LIMIT


def test_brackets_in_strings_do_not_nest() -> None:
    text = '[{"' * 1000 + "\\"
    assert parse_object(json.dumps({text: text}).encode()) == {text: text}


def test_a_string_that_never_ends_is_refused_in_linear_time() -> None:
    for body in (b'{"a": "' + b'\\"' * 120_000, b'{"a":' + b'"x' * 120_000, b"{" + b"\\" * 250_000):
        with pytest.raises(Malformed):
            parse_object(body)


def test_numbers_beyond_every_reader_come_out_as_infinite() -> None:
    read = parse_object(b'{"a": %b, "b": 1e999, "c": -9007199254740991, "d": %b}' % (b"9" * 5000, b"9" * 18))
    assert read == {"a": math.inf, "b": math.inf, "c": -9007199254740991, "d": math.inf}
