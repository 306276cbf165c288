from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.bearers import EVERY, TRUSTED
from runtimeenv.api.key_records import write_records
from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET
from runtimeenv.errors import Unavailable
from tests.fakes.cluster import FakeCluster
from tests.unit.api.keys import (
    KEY,
    RECORDS,
    REVOKED,
    STRANGER,
    SYSTEM,
    World,
    hash_key_secret,
    header,
    keys_secret,
    record,
)


@pytest.fixture
async def world() -> World:
    made = World()
    await made.bearers.poll()
    return made


async def test_a_revocation_holds_from_the_next_poll_on(world: World) -> None:
    world.cluster.apply(keys_secret({KEY.id: record(KEY, revoked=1)}))
    assert not world.refused()
    await world.bearers.poll()
    assert world.refused()


async def test_a_new_key_is_known_from_the_next_poll_on(world: World) -> None:
    world.cluster.apply(keys_secret({**RECORDS, STRANGER.id: record(STRANGER)}))
    await world.bearers.poll()
    assert not world.refused(STRANGER)
    assert not world.refused()


async def test_a_revocation_is_heard_though_the_hash_key_can_not_be_read(world: World) -> None:
    world.cluster.apply(keys_secret({KEY.id: record(KEY, revoked=1)}))
    world.cluster.faults.fail(Unavailable(500, "x"), verb="get", after=2)
    with pytest.raises(Unavailable):
        await world.bearers.poll()
    assert world.refused()


async def test_a_poll_without_changes_reads_no_hashes(world: World) -> None:
    world.cluster.calls.clear()
    await world.bearers.poll()
    assert [call.verb for call in world.cluster.calls] == ["get", "get"]


async def test_a_poll_after_a_change_reads_only_what_changed(world: World) -> None:
    world.cluster.apply(keys_secret({}))
    world.cluster.calls.clear()
    await world.bearers.poll()
    assert [call.ref.name for call in world.cluster.calls] == [API_KEYS_SECRET, API_KEYS_SECRET, API_HASH_KEY_SECRET]


async def test_a_new_hash_key_ends_all_keys_but_those_made_with_it(world: World) -> None:
    world.cluster.apply(hash_key_secret(bytes(32)))
    await world.bearers.poll()
    assert world.refused()
    world.cluster.apply(keys_secret({KEY.id: record(KEY, hash_key=bytes(32))}))
    await world.bearers.poll()
    assert not world.refused()


async def test_the_two_secrets_may_change_in_either_order(world: World) -> None:
    world.cluster.apply(keys_secret({KEY.id: record(KEY, hash_key=bytes(32))}))
    await world.bearers.poll()
    assert world.refused()
    world.cluster.apply(hash_key_secret(bytes(32)))
    await world.bearers.poll()
    assert not world.refused()


@pytest.mark.parametrize("broken", [b"", bytes(31)])
async def test_without_a_whole_hash_key_nobody_gets_in(world: World, broken: bytes) -> None:
    world.cluster.apply(hash_key_secret(broken))
    await world.bearers.poll()
    assert world.refused()
    world.cluster.apply(hash_key_secret())
    await world.bearers.poll()
    assert not world.refused()


@pytest.mark.parametrize("present", [[], [hash_key_secret()], [keys_secret(RECORDS)]], ids=["neither", "one", "other"])
async def test_without_both_secrets_nobody_gets_in_but_all_is_known(present: list[Any]) -> None:
    world = World(FakeCluster(*present))
    await world.bearers.poll()
    assert world.bearers.loaded.is_set()
    assert world.refused()


async def test_keys_that_were_read_end_when_their_secret_goes(world: World) -> None:
    world.cluster.remove(SECRETS, Ref(SYSTEM, API_KEYS_SECRET))
    await world.bearers.poll()
    assert world.refused()


async def test_a_wrong_entry_is_told_and_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    others = {STRANGER.id: b"{", "notes": b"do not delete", REVOKED.id: b'{"hash": "%s"}' % KEY.reveal().encode()}
    world = World(FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY)}, others)))
    await world.bearers.poll()
    assert (world.refused(), world.refused(STRANGER), world.refused(REVOKED)) == (False, True, True)
    [warning] = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert (warning.getMessage(), vars(warning)["count"]) == ("entries are no API keys", 3)


@given(st.dictionaries(st.text("abcdefghijklmnopqrstuvwxyz234567.-_", min_size=1, max_size=20), st.binary()))
async def test_no_entries_ever_stop_a_good_key(others: dict[str, bytes]) -> None:
    world = World(FakeCluster(hash_key_secret(), keys_secret({}, {**others, **write_records({KEY.id: record(KEY)})})))
    await world.bearers.poll()
    assert not world.refused()


async def test_until_the_first_good_poll_it_is_not_known_who_asks() -> None:
    world = World()
    world.cluster.faults.fail(Unavailable(0, "x"))
    with pytest.raises(Unavailable):
        await world.bearers.poll()
    with pytest.raises(Unavailable):
        world.bearers.bearer(header(KEY))
    assert not world.bearers.loaded.is_set()


async def test_keys_are_believed_for_five_minutes_without_a_poll(world: World) -> None:
    world.passed = TRUSTED
    assert not world.refused()
    world.passed = TRUSTED + 1
    for key in (KEY, STRANGER):
        with pytest.raises(Unavailable):
            world.bearers.bearer(header(key))
    await world.bearers.poll()
    assert not world.refused()


async def test_age_counts_from_the_last_good_poll(world: World) -> None:
    world.passed = 10
    world.cluster.faults.fail(Unavailable(503, "x"))
    with pytest.raises(Unavailable):
        await world.bearers.poll()
    assert world.bearers.age == 10
    await world.bearers.poll()
    assert world.bearers.age == 0


async def test_a_poll_that_took_long_is_as_old_as_its_beginning(world: World) -> None:
    with world.cluster.faults.calls_delayed():
        polling = asyncio.ensure_future(world.bearers.poll())
        await asyncio.sleep(0)
        world.passed = 7
    await polling
    assert world.bearers.age == 7


@pytest.mark.virtual_time
async def test_polls_go_on_through_failures(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.cluster.faults.fail(Unavailable(503, "get secrets"), times=3)
    following = asyncio.ensure_future(world.bearers.follow())
    loop = asyncio.get_running_loop()
    began = loop.time()
    await world.bearers.loaded.wait()
    assert loop.time() - began == pytest.approx(3 * EVERY)
    assert [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"] == ["API keys not read"] * 3
    world.cluster.apply(keys_secret({}))
    await asyncio.sleep(1.5 * EVERY)
    assert world.refused()
    following.cancel()


@pytest.mark.virtual_time
async def test_an_install_without_keys_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world = World(FakeCluster())
    following = asyncio.ensure_future(world.bearers.follow())
    await asyncio.sleep(60)
    following.cancel()
    assert [entry.getMessage() for entry in caplog.records] == ["API keys read"]
