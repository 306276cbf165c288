from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runtimeenv.api.key_records import KeyRecord, write_records
from runtimeenv.cli.stored_keys import KEPT, SIZE_LIMIT, Stored
from runtimeenv.errors import Invalid, NotFound

NOW = 10_000_000
SECRET_LIMIT = 1024 * 1024
GOOD = KeyRecord(hash="00" * 32, tenant="acme", role="read", created=1)
ENTRY = len(write_records({"a" * 16: GOOD})["a" * 16])


def key_id(number: int) -> str:
    """A key id for each number."""
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[number >> (5 * place) & 31] for place in range(16))


def many(count: int, record: KeyRecord = GOOD) -> dict[str, KeyRecord]:
    return {key_id(number): record for number in range(count)}


def size(stored: Stored) -> int:
    return sum(map(len, write_records(stored.records).values())) + sum(map(len, stored.unread.values()))


@given(st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 2 * NOW), st.integers(0, 2 * NOW))))
def test_only_what_ended_long_ago_is_forgotten(ends: dict[str, tuple[int, int]]) -> None:
    drawn = {name: replace(GOOD, expires=expires, revoked=revoked) for name, (expires, revoked) in ends.items()}
    stored = Stored(dict(drawn), {}, None)
    stored.forget(NOW)
    gone = drawn.keys() - stored.records.keys()
    assert gone == {name for name, both in ends.items() if any(0 < moment < NOW - KEPT for moment in both)}


def test_a_full_secret_takes_no_more_keys_that_last() -> None:
    stored = Stored(many(SIZE_LIMIT // ENTRY + 1), {}, None)
    with pytest.raises(Invalid, match=r"runtime-env-api-keys: is full of keys that have not ended: revoke some"):
        stored.make_room(NOW)


def test_keys_that_have_ended_make_room_the_longest_ended_first() -> None:
    full = SIZE_LIMIT // ENTRY + 1
    stored = Stored(many(full), {}, None)
    older, newer = key_id(5), key_id(6)
    stored.records |= {older: replace(GOOD, revoked=NOW - 9), newer: replace(GOOD, expires=NOW - 2)}
    stored.make_room(NOW)
    assert (older in stored.records, newer in stored.records) == (False, True)
    assert size(stored) <= SIZE_LIMIT


def test_where_there_is_room_nothing_is_dropped() -> None:
    stored = Stored(many(50, replace(GOOD, revoked=5)), {}, None)
    stored.make_room(NOW)
    assert len(stored.records) == 50


def test_three_thousand_keys_with_long_descriptions_and_limits_fit() -> None:
    long = replace(GOOD, tenant="t" * 20, expires=200 * NOW, workspaces=("w" * 20,), description="d" * 60)
    stored = Stored(many(3_000, long), {}, None)
    stored.make_room(NOW)
    assert len(stored.records) == 3_000


def test_what_can_not_be_read_takes_room_and_stays() -> None:
    stored = Stored({"a" * 16: GOOD}, {"b" * 16: bytes(SIZE_LIMIT)}, None)
    with pytest.raises(Invalid, match="is full"):
        stored.make_room(NOW)
    assert stored.unread == {"b" * 16: bytes(SIZE_LIMIT)}


def test_all_keys_of_a_full_secret_can_be_revoked() -> None:
    smallest = replace(GOOD, tenant="a")
    count = SIZE_LIMIT // len(write_records({"a" * 16: smallest})["a" * 16])
    revoked = write_records({key_id(number): replace(smallest, revoked=NOW * 200) for number in range(count)})
    assert sum(map(len, revoked.values())) < SECRET_LIMIT


def test_an_unknown_key_and_an_unreadable_one_are_told_apart() -> None:
    stored = Stored({}, {"b" * 16: b"{}"}, None)
    with pytest.raises(NotFound, match="runtimeenv apikey list"):
        stored.known("a" * 16)
    with pytest.raises(Invalid, match="this version can't read it"):
        stored.known("b" * 16)
