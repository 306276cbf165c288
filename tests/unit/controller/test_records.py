"""Records at rest: read back as written, and whatever else stands there is no record."""

from __future__ import annotations

import base64
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.cluster.objects import Secret
from runtimeenv.controller.materialize import contents
from runtimeenv.controller.records import Origin, Record, read_record
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.envelope import Envelope, encrypt
from tests.unit.crypto.examples import BOUND, CANARY, IDENTITY, KEYRING, VALUE, identities

NOON = "2026-11-24T12:00:00.000000Z"
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")
ENVELOPE = encrypt(VALUE, BOUND, KEYRING.primary())
ORIGINS = st.builds(Origin, st.integers(0, 10**9), st.sampled_from(("", "uid-1/5", "uid-2/17")))
RECORDS = st.builds(
    Record,
    ref=st.builds(Ref, st.just("acme"), st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)),
    uid=st.uuids().map(str),
    version=st.integers(1, 2**62),
    identity=identities,
    enabled=st.booleans(),
    created=st.just("2026-11-24T12:00:00Z"),
    origin=ORIGINS,
    changed=MOMENTS,
    value_changed=MOMENTS,
    envelope=st.sampled_from((None, ENVELOPE)),
)
RECORD = Record(Ref("acme", "x"), "uid-1", 7, IDENTITY, True, "2026-11-24T12:00:00Z", Origin(3), NOON, NOON, ENVELOPE)


def stored(of: Record, **entries: bytes | None) -> Secret:
    """As the API server would give it back, with other entries."""
    manifest = of.manifest()
    data = {**manifest["data"], **{k: v and base64.b64encode(v).decode() for k, v in entries.items()}}
    manifest["data"] = {key: text for key, text in data.items() if text is not None}
    manifest["metadata"]["resourceVersion"] = str(of.version)
    return SECRETS.decode(msgspec.json.encode(manifest))


def changed(**fields: object) -> Secret:
    found = msgspec.json.decode(stored(RECORD).data["record"])
    return stored(RECORD, record=msgspec.json.encode({**found, **fields}))


@given(RECORDS)
def test_a_record_is_read_back_as_it_was_written(record: Record) -> None:
    assert read_record(stored(record)) == record


@given(ORIGINS)
def test_an_origin_is_read_back_as_it_was_written(origin: Origin) -> None:
    assert Origin.parse(str(origin)) == origin


@given(ORIGINS, ORIGINS)
def test_of_two_origins_at_most_one_precedes_the_other(one: Origin, other: Origin) -> None:
    assert not (one.precedes(other) and other.precedes(one))
    assert not one.precedes(one)


@given(st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_no_content_makes_reading_fail(record: bytes, envelope: bytes | None) -> None:
    assert read_record(stored(RECORD, record=record, envelope=envelope)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"uid": "another"},
        {"scope": "galaxy"},
        {"workspace": ""},
        {"project": "p"},
        {"target": "everything"},
        {"variable": "lower"},
        {"enabled": "yes"},
        {"from": "now"},
        {"changed": "2026-11-24T12:00:00.000000"},
        {"changed": "2026-11-24T12:00:00Z"},
        {"value_changed": ""},
        {"value_changed": "2026-13-24T12:00:00.000000Z"},
    ],
)
def test_fields_out_of_form_make_no_record(fields: dict[str, object]) -> None:
    assert read_record(stored(RECORD)) == RECORD
    assert read_record(changed(**fields)) is None


def test_foreign_entries_make_no_record() -> None:
    assert read_record(stored(RECORD, foreign=b"x")) is None
    assert read_record(stored(RECORD, record=None)) is None
    assert read_record(stored(RECORD, envelope=b"renve1.x")) is None


def test_a_record_and_its_repr_show_no_value() -> None:
    assert CANARY not in repr(RECORD)
    assert CANARY not in str(RECORD.manifest())


def revision(*records: Record) -> str:
    return contents([{record.identity.name: record} for record in records]).revision


def test_the_revision_follows_the_names_the_winners_and_their_values_alone() -> None:
    before = revision(RECORD)
    rotated = Envelope.parse(str(encrypt(VALUE, BOUND, KEYRING.primary())))
    assert rotated != RECORD.envelope
    for same in ({"envelope": rotated}, {"changed": MOMENT}, {"origin": Origin(9)}, {"version": 99}):
        assert revision(replace(RECORD, **same)) == before
    other = replace(RECORD, identity=replace(IDENTITY, name="OTHER"))
    for another in (replace(RECORD, value_changed=MOMENT), replace(RECORD, uid="uid-2"), other):
        assert revision(another) != before
    assert revision(RECORD, replace(other, uid="uid-3")) != before
    assert revision(replace(RECORD, envelope=None)) == revision()


MOMENT = "2026-11-24T12:00:01.000000Z"
