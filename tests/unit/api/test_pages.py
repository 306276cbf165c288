"""Pages of the list: complete, in order, and stable while variables come and go."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.claimants import Entry
from runtimeenv.api.pages import cursor, page, parse_cursor, position
from runtimeenv.core.identity import TARGETS, Identity, Layer, Project, Tenant, Workspace
from runtimeenv.errors import Invalid

scopes = st.one_of(
    st.just(Tenant("acme")),
    st.sampled_from(["a", "b.c", "Z_9"]).map(lambda x: Workspace("acme", x)),
    st.sampled_from(["a", "b-c"]).map(lambda x: Project("acme", x)),
)
identities = st.builds(Identity, st.builds(Layer, scopes, st.sampled_from(TARGETS)), st.sampled_from(["A", "AB", "_"]))


def entries(found: set[Identity]) -> list[Entry]:
    return cast(list[Entry], [SimpleNamespace(identity=i) for i in sorted(found, key=position)])


def walk(found: list[Entry], limit: int) -> list[Entry]:
    seen: list[Entry] = []
    after: Any = None
    while True:
        shown, next_cursor = page(found, after, limit)
        seen += shown
        if next_cursor is None:
            return seen
        assert len(shown) == limit
        after = parse_cursor("cursor", next_cursor)


@given(st.sets(identities, max_size=12), st.integers(1, 13))
def test_pages_together_are_the_list(found: set[Identity], limit: int) -> None:
    everything = entries(found)
    assert walk(everything, limit) == everything
    assert page(everything, None, None) == (everything, None)


@given(st.sets(identities, min_size=2, max_size=12))
def test_a_cursor_outlives_its_variable(found: set[Identity]) -> None:
    everything = entries(found)
    _, next_cursor = page(everything, None, 1)
    rest, _ = page(everything[1:], parse_cursor("cursor", next_cursor or ""), None)
    assert rest == everything[1:]


@given(identities)
def test_a_cursor_reads_back_and_fits_an_address(identity: Identity) -> None:
    text = cursor(position(identity))
    assert parse_cursor("cursor", text) == position(identity)
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text", ["", "cAnArY", "cAnArY+/=", "WzEsImEiXQ", "é", "A" * 2000, cursor(("A", "tenant", "", "", "all")) + "="]
)
def test_a_cursor_out_of_form_is_refused_without_an_echo(text: str) -> None:
    with pytest.raises(Invalid, match="next_cursor") as refusal:
        parse_cursor("cursor", text)
    assert "cAnArY" not in str(refusal.value)


def test_a_cursor_of_another_format_is_refused() -> None:
    text = base64.urlsafe_b64encode(b'[2,"A","tenant","","","all"]').decode().rstrip("=")
    with pytest.raises(Invalid):
        parse_cursor("cursor", text)
