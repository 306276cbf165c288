from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from runtimeenv.api.key_records import KeyRecord
from runtimeenv.cli.key_store import TRIES, Busy, KeyStore
from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET
from runtimeenv.crypto.api_keys import ApiKey
from runtimeenv.errors import Invalid, NotFound, Rejected, Stale
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.api.keys import HASH_KEY, KEY, SYSTEM, hash_key_secret, keys_secret, record

NEW = KeyRecord(hash="", tenant="acme", role="write", created=100, scopes=("workspace",), workspaces=("a",))
FAR = 4_000_000_000
STRANGE = {"b" * 16: b'{"hash": "of a later release"}', "notes": b"do not touch"}


async def stored(cluster: FakeCluster) -> dict[str, KeyRecord]:
    return (await KeyStore(cluster, SYSTEM).read()).records


def held(cluster: FakeCluster, name: str) -> dict[str, bytes]:
    return {key: base64.b64decode(text) for key, text in cluster.read(SECRETS, Ref(SYSTEM, name))["data"].items()}


async def test_the_first_key_makes_both_secrets() -> None:
    cluster = FakeCluster()
    key = await KeyStore(cluster, SYSTEM).create(NEW)
    hash_key = held(cluster, API_HASH_KEY_SECRET)["key"]
    assert len(hash_key) == 32
    [(key_id, found)] = (await stored(cluster)).items()
    assert (key_id, found.hash) == (key.id, key.hashed(hash_key).hex())
    assert (found.tenant, found.role, found.workspaces) == ("acme", "write", ("a",))


async def test_what_is_stored_does_not_hold_the_key() -> None:
    cluster = FakeCluster()
    key = await KeyStore(cluster, SYSTEM).create(NEW)
    assert key.reveal().split("_")[3].encode() not in b"".join(held(cluster, API_KEYS_SECRET).values())


async def test_further_keys_are_hashed_with_the_same_hash_key() -> None:
    cluster = FakeCluster(hash_key_secret())
    key = await KeyStore(cluster, SYSTEM).create(NEW)
    assert (await stored(cluster))[key.id].hash == key.hashed(HASH_KEY).hex()


async def test_a_broken_hash_key_is_not_replaced() -> None:
    cluster = FakeCluster(hash_key_secret(b"short"), keys_secret({KEY.id: record(KEY)}))
    with pytest.raises(Invalid, match="runtime-env-api-hash-key: holds no key of 32 bytes: restore it"):
        await KeyStore(cluster, SYSTEM).create(NEW)
    assert set(await stored(cluster)) == {KEY.id}


async def test_a_hash_key_that_is_gone_is_not_replaced_while_there_are_keys() -> None:
    cluster = FakeCluster(keys_secret({KEY.id: record(KEY)}))
    store = KeyStore(cluster, SYSTEM)
    with pytest.raises(Invalid, match="is gone, and with it every API key: restore it, or delete the Secret"):
        await store.create(NEW)
    with pytest.raises(Invalid, match="is gone"):
        await store.rotate(KEY.id, FAR, 60)
    assert cluster.writes() == []
    assert await store.revoke((KEY.id,), FAR) == [KEY.id]


@pytest.mark.virtual_time
async def test_many_first_keys_at_once_share_one_hash_key() -> None:
    cluster = FakeCluster()
    made = await asyncio.gather(*(KeyStore(cluster, SYSTEM).create(NEW) for _ in range(8)))
    hash_key = held(cluster, API_HASH_KEY_SECRET)["key"]
    assert {key_id: found.hash for key_id, found in (await stored(cluster)).items()} == {
        key.id: key.hashed(hash_key).hex() for key in made
    }


@pytest.mark.virtual_time
async def test_a_write_in_between_is_read_and_kept() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY)}))
    cluster.faults.fail(Stale(409, "x"), times=TRIES - 1, verb="replace")
    key = await KeyStore(cluster, SYSTEM).create(NEW)
    assert set(await stored(cluster)) == {KEY.id, key.id}


@pytest.mark.virtual_time
async def test_writes_in_between_without_end_are_told() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({}))
    cluster.faults.fail(Stale(409, "x"), times=TRIES, verb="replace")
    with pytest.raises(Busy, match="try again"):
        await KeyStore(cluster, SYSTEM).create(NEW)
    assert await stored(cluster) == {}


@pytest.mark.parametrize("verb", ["get", "create"])
async def test_what_the_cluster_refuses_is_passed_on(verb: Any) -> None:
    cluster = FakeCluster()
    cluster.faults.fail(Rejected(403, "secrets"), verb=verb)
    with pytest.raises(Rejected):
        await KeyStore(cluster, SYSTEM).create(NEW)


async def test_every_change_keeps_what_can_not_be_read() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY)}, STRANGE))
    store = KeyStore(cluster, SYSTEM)
    key = await store.create(NEW)
    await store.rotate(key.id, 200, 10)
    await store.revoke((KEY.id,), 300)
    assert STRANGE.items() <= held(cluster, API_KEYS_SECRET).items()


async def test_a_change_forgets_what_ended_long_ago() -> None:
    old, older = ApiKey.generate(), ApiKey.generate()
    records = {KEY.id: record(KEY), old.id: record(old, revoked=5), older.id: record(older, expires=7)}
    cluster = FakeCluster(hash_key_secret(), keys_secret(records))
    await KeyStore(cluster, SYSTEM).create(NEW)
    assert {old.id, older.id} & set(await stored(cluster)) == set()
    assert KEY.id in await stored(cluster)


async def test_revoking_ends_keys_once() -> None:
    other = ApiKey.generate()
    cluster = FakeCluster(keys_secret({KEY.id: record(KEY), other.id: record(other)}))
    store = KeyStore(cluster, SYSTEM)
    assert await store.revoke((KEY.id, KEY.id), FAR) == [KEY.id]
    assert await store.revoke((KEY.id, other.id), FAR + 5) == [other.id]
    assert [(await stored(cluster))[key.id].revoked for key in (KEY, other)] == [FAR, FAR + 5]


async def test_a_key_that_seems_expired_is_revoked_all_the_same() -> None:
    cluster = FakeCluster(keys_secret({KEY.id: record(KEY, expires=FAR)}))
    assert await KeyStore(cluster, SYSTEM).revoke((KEY.id,), FAR + 60) == [KEY.id]
    assert (await stored(cluster))[KEY.id].ended(FAR - 60)


async def test_an_unknown_key_among_several_revokes_none() -> None:
    cluster = FakeCluster(keys_secret({KEY.id: record(KEY)}))
    with pytest.raises(NotFound, match="no API key aaaaaaaaaaaaaaaa"):
        await KeyStore(cluster, SYSTEM).revoke((KEY.id, "a" * 16), 5)
    assert not (await stored(cluster))[KEY.id].revoked


async def test_a_rotated_key_has_a_successor_with_its_rights_and_a_life_as_long() -> None:
    old = record(KEY, role="write", created=FAR, expires=FAR + 1000, projects=("p",), description="ci")
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: old}))
    key, new, ending = await KeyStore(cluster, SYSTEM).rotate(KEY.id, FAR + 900, 60)
    assert (ending.expires, ending.successor) == (FAR + 960, key.id)
    assert (new.created, new.expires, new.successor) == (FAR + 900, FAR + 1900, "")
    assert (new.tenant, new.role, new.projects, new.description) == ("acme", "write", ("p",), "ci")
    assert await stored(cluster) == {KEY.id: ending, key.id: new}


async def test_rotating_never_prolongs_the_old_key() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY, created=FAR, expires=FAR + 10)}))
    _, _, ending = await KeyStore(cluster, SYSTEM).rotate(KEY.id, FAR + 5, 60)
    assert ending.expires == FAR + 10


async def test_rotating_without_overlap_ends_the_old_key_at_once() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY)}))
    _, new, ending = await KeyStore(cluster, SYSTEM).rotate(KEY.id, FAR, 0)
    assert (ending.ended(FAR - 60), new.ended(FAR)) == (True, False)  # also where the API's clock is behind


async def test_a_key_is_rotated_once() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY)}))
    store = KeyStore(cluster, SYSTEM)
    key, _, _ = await store.rotate(KEY.id, FAR, 60)
    with pytest.raises(Invalid, match=f"was rotated to {key.id} already: rotate that one"):
        await store.rotate(KEY.id, FAR + 1, 60)
    assert set(await stored(cluster)) == {KEY.id, key.id}


@pytest.mark.virtual_time
async def test_of_two_who_rotate_a_key_at_once_one_is_told() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY)}))
    both = (KeyStore(cluster, SYSTEM).rotate(KEY.id, FAR, 60) for _ in range(2))
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(isinstance(answer, Invalid) for answer in answers) == [False, True]
    assert len(await stored(cluster)) == 2


async def test_a_key_from_a_clock_ahead_gets_a_successor_that_lives() -> None:
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: record(KEY, created=FAR + 500, expires=FAR + 90)}))
    _, new, _ = await KeyStore(cluster, SYSTEM).rotate(KEY.id, FAR, 60)
    assert new.expires == FAR + 90


@pytest.mark.parametrize(("revoked", "expires"), [(FAR, 0), (0, FAR)])
async def test_a_key_that_has_ended_is_not_rotated(revoked: int, expires: int) -> None:
    ended = record(KEY, revoked=revoked, expires=expires)
    cluster = FakeCluster(hash_key_secret(), keys_secret({KEY.id: ended}))
    with pytest.raises(Invalid, match=f"{KEY.id}: has ended already: create a new key"):
        await KeyStore(cluster, SYSTEM).rotate(KEY.id, FAR, 60)


async def test_a_tenant_is_enrolled_by_any_namespace() -> None:
    cluster = FakeCluster(namespace("a", tenant="acme", workspace="w"))
    assert await KeyStore(cluster, SYSTEM).is_enrolled("acme")
    assert not await KeyStore(cluster, SYSTEM).is_enrolled("globex")
