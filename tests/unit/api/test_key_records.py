from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.key_records import (
    DESCRIPTION_LIMIT,
    LAST_SECOND,
    ROLES,
    KeyRecord,
    read_hash_key,
    read_records,
    write_records,
)
from runtimeenv.core.identity import ID_PATTERN, SCOPE_KINDS

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/apikey.json").read_text())
KEY_ID = GOLDEN["id"]

seconds = st.integers(0, LAST_SECOND)
ids = st.from_regex(ID_PATTERN, fullmatch=True)
records = st.builds(
    KeyRecord,
    hash=st.binary(min_size=32, max_size=32).map(bytes.hex),
    tenant=ids,
    role=st.sampled_from(ROLES),
    created=seconds,
    expires=seconds,
    revoked=seconds,
    scopes=st.lists(st.sampled_from(SCOPE_KINDS), unique=True).map(tuple),
    workspaces=st.lists(ids, max_size=3).map(tuple),
    projects=st.lists(ids, max_size=3).map(tuple),
    description=st.text(st.characters(codec="utf-8"), max_size=DESCRIPTION_LIMIT),
    successor=st.just("") | st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16),
)


def entry(**changed: Any) -> bytes:
    """The known record with changes; None takes a field away."""
    fields = {**GOLDEN["record"], **changed}
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


@given(records)
def test_a_record_is_read_back_as_it_was_written(record: KeyRecord) -> None:
    assert read_records(write_records({KEY_ID: record})) == ({KEY_ID: record}, {})


def test_the_known_record_is_read_for_ever() -> None:
    [record] = read_records({KEY_ID: json.dumps(GOLDEN["record"]).encode()})[0].values()
    assert (record.tenant, record.role, record.workspaces) == ("acme", "write", ("ws_123",))
    assert (record.created, record.expires, record.revoked) == (1790000000, 1797776000, 0)
    assert record.reach == {"workspace", "project"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        entry(hash=None),
        entry(hash="00" * 31),
        entry(hash="00" * 31 + " 00"),
        entry(hash="00" * 32 + "\n"),
        entry(tenant=None),
        entry(tenant=""),
        entry(tenant="acme\n"),
        entry(tenant=7),
        entry(role="admin"),
        entry(role=None),
        entry(created=None),
        entry(expires="2027"),
        entry(expires=-1),
        entry(expires=1.5),
        entry(revoked=LAST_SECOND + 1),
        entry(scopes=["galaxy"]),
        entry(scopes="tenant"),
        entry(workspaces=["a/b"]),
        entry(targets=["sandbox"]),
        entry(description="x" * (DESCRIPTION_LIMIT + 1)),
        entry(successor="short"),
    ],
    ids=lambda raw: raw[:40],
)
def test_an_entry_out_of_form_is_kept_and_lets_nobody_in(raw: bytes) -> None:
    assert read_records({KEY_ID: raw}) == ({}, {KEY_ID: raw})


@given(st.binary())
def test_no_entry_can_stop_the_others(raw: bytes) -> None:
    good = write_records({KEY_ID: KeyRecord(hash="00" * 32, tenant="acme", role="read", created=1)})
    assert set(read_records({"a" * 16: raw, **good})[0]) == {KEY_ID}


@pytest.mark.parametrize("name", ["", "key", KEY_ID.upper(), KEY_ID + "a", "msk_live_" + KEY_ID])
def test_an_entry_under_another_name_than_a_key_id_is_none(name: str) -> None:
    assert read_records({name: entry()}) == ({}, {name: entry()})


@given(records)
def test_a_record_never_shows_its_hash(record: KeyRecord) -> None:
    assert record.hash not in f"{record} {record!r}"


@given(records, seconds)
def test_a_key_has_ended_from_its_end_on_and_once_revoked(record: KeyRecord, now: int) -> None:
    assert record.ended(now) == bool(record.revoked or 0 < record.expires <= now)


@pytest.mark.parametrize(
    ("limits", "reach"),
    [
        ({}, {"tenant", "workspace", "project"}),
        ({"workspaces": ("a",)}, {"workspace"}),
        ({"workspaces": ("a",), "projects": ("b",)}, {"workspace", "project"}),
        ({"scopes": ("tenant",)}, {"tenant"}),
        ({"scopes": ("tenant", "workspace"), "workspaces": ("a",)}, {"tenant", "workspace"}),
    ],
)
def test_naming_ids_leaves_the_scopes_of_others_out(limits: dict[str, Any], reach: set[str]) -> None:
    assert KeyRecord(hash="00" * 32, tenant="acme", role="read", created=1, **limits).reach == reach


@pytest.mark.parametrize("entries", [{}, {"key": b""}, {"key": bytes(31)}, {"key": bytes(33)}, {"other": bytes(32)}])
def test_a_hash_key_of_another_length_is_none(entries: dict[str, bytes]) -> None:
    assert read_hash_key(entries) is None
