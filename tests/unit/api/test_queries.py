"""The list's query: filters with their partners; nothing that would select more than was meant."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.catalog import Selection
from runtimeenv.api.faults import Refused
from runtimeenv.api.pages import cursor
from runtimeenv.api.queries import EVERYTHING, PARAMETERS, parse_listing

PLACE = ("A", "tenant", "", "", "all")


def test_without_a_query_everything_is_meant() -> None:
    assert parse_listing(b"") == EVERYTHING


@pytest.mark.parametrize(
    ("query", "selection"),
    [
        ("scope=tenant", Selection("tenant", None, None, None)),
        ("scope=workspace&workspace_id=ws_123&target=sandbox", Selection("workspace", "ws_123", None, "sandbox")),
        ("scope=project&project_id=b.l-o%5Fg", Selection("project", None, "b.l-o_g", None)),
        ("workspace_id=ws_123", Selection(None, "ws_123", None, None)),
        ("target=all", Selection(None, None, None, "all")),
    ],
)
def test_filters_are_read(query: str, selection: Selection) -> None:
    assert parse_listing(query.encode()).selection == selection


def test_pages_are_read() -> None:
    listing = parse_listing(f"limit=1000&cursor={cursor(PLACE)}".encode())
    assert (listing.limit, listing.after) == (1000, PLACE)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("scope=workspace", "workspace_id"),
        ("scope=workspace&project_id=a", "workspace_id"),
        ("scope=project", "project_id"),
        ("scope=cAnArY", "scope"),
        ("scope=", "scope"),
        ("scope=Tenant", "scope"),
        ("workspace_id=", "workspace_id"),
        ("workspace_id=-cAnArY", "workspace_id"),
        ("project_id=cAnArY%00", "project_id"),
        ("project_id=%ff", "project_id"),
        ("target=cAnArY", "target"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("cursor=cAnArY", "cursor"),
        ("scope=tenant&scope=project&project_id=a", "query"),
        ("cAnArY=1", "query"),
        ("workspaceId=a", "query"),
        ("%73cope=tenant&Scope=tenant", "query"),
    ],
)
def test_what_is_out_of_form_names_the_field_and_echoes_nothing(query: str, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_listing(query.encode())
    assert [fault.field for fault in refusal.value.faults] == [field]
    assert all("cAnArY" not in str(fault) for fault in refusal.value.faults)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(Refused) as refusal:
        parse_listing(b"scope=x&target=y&limit=z&w=1")
    assert [fault.field for fault in refusal.value.faults] == ["query", "scope", "target", "limit"]


@given(st.dictionaries(st.sampled_from([*PARAMETERS, "other"]), st.text(max_size=12)))
def test_no_query_is_a_fault_of_ours(query: dict[str, str]) -> None:
    with suppress(Refused):
        listing = parse_listing(urlencode(query, errors="surrogatepass").encode())
        assert set(query) <= set(PARAMETERS)
        assert listing.limit is None or 1 <= listing.limit <= 1000


@given(st.binary(max_size=64))
def test_no_bytes_are_a_fault_of_ours(query: bytes) -> None:
    with suppress(Refused):
        assert not parse_listing(query).limit or b"limit" in query
