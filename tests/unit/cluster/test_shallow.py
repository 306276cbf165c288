from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.cluster.shallow import shallow

trees = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('{}[]"\\a', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{]"\\a', max_size=3), inner, max_size=3),
    max_leaves=30,
)


def cut(tree: Any, left: int) -> Any:
    """What stands deeper gives way to null."""
    if not isinstance(tree, dict | list):
        return tree
    if not left:
        return None
    if isinstance(tree, list):
        return [cut(inner, left - 1) for inner in tree]
    return {name: cut(inner, left - 1) for name, inner in tree.items()}


@given(trees, st.integers(1, 5))
def test_only_what_stands_too_deep_is_left_out(tree: Any, limit: int) -> None:
    assert json.loads(shallow(json.dumps(tree).encode(), limit)) == cut(tree, limit)


def test_the_deepest_that_an_api_server_takes_can_be_read() -> None:
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    assert msgspec.json.decode(shallow(b'[%b,{"b":2}]' % deep))[1] == {"b": 2}


@given(st.binary(max_size=60))
def test_what_is_no_json_does_no_harm(text: bytes) -> None:
    assert isinstance(shallow(text, 2), bytes)
