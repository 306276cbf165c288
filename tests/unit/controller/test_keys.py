"""The keyring of a cluster, and the webhook's certificate: made once, kept, renewed, never lost over a mistake."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtimeenv.cluster.kinds import CONFIG_MAPS, SECRETS
from runtimeenv.controller.keys import Keys
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.seal import SealingKey
from runtimeenv.errors import KeyUnavailable, RuntimeEnvError
from runtimeenv.settings import Settings
from tests.builders import namespace, source_secret, variable
from tests.fakes.cluster import FakeCluster
from tests.unit.controller.world import Replica, World, contents, from_secret, now, sealed
from tests.unit.crypto.examples import KEYRING

pytestmark = pytest.mark.virtual_time

SYSTEM = "runtime-env-system"
KEYRING_REF, KEK, COMPARE = (Ref(SYSTEM, f"runtime-env-{name}") for name in ("keyring", "kek", "compare-keys"))
TLS, AUTHORITY = Ref(SYSTEM, "runtime-env-webhook-tls"), Ref(SYSTEM, "runtime-env-webhook-ca")


async def unused() -> bool:
    return False


async def used() -> bool:
    return True


async def test_a_first_start_makes_the_keyring_and_the_next_finds_it() -> None:
    cluster = FakeCluster()
    first = await Keys(cluster, SYSTEM, now).load(unused)
    writes = [(c.verb, c.ref.name) for c in cluster.writes()]
    assert writes == [("create", "runtime-env-kek"), ("create", "runtime-env-keyring")]
    second = await Keys(cluster, SYSTEM, now).load(used)
    assert second.primary().key_id == first.primary().key_id
    assert len(cluster.writes()) == 2


async def test_two_replicas_end_up_with_one_keyring() -> None:
    cluster = FakeCluster()
    found = await asyncio.gather(*(Keys(cluster, SYSTEM, now).load(unused) for _ in range(3)))
    assert len({(keyring.primary().key_id, str(keyring.sealing_key())) for keyring in found}) == 1


async def test_no_keyring_is_made_while_sealed_texts_exist() -> None:
    cluster = FakeCluster()
    with pytest.raises(KeyUnavailable, match="restore it"):
        await Keys(cluster, SYSTEM, now).load(used)
    assert not cluster.writes()


@pytest.mark.parametrize("lost", [KEYRING_REF, KEK])
async def test_half_a_keyring_is_never_completed_with_a_new_half(lost: Ref) -> None:
    cluster = FakeCluster()
    await Keys(cluster, SYSTEM, now).load(unused)
    cluster.remove(SECRETS, lost)
    cluster.calls.clear()
    with pytest.raises(KeyUnavailable):
        await Keys(cluster, SYSTEM, now).load(used)
    assert not cluster.writes()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": 9}'])
async def test_a_damaged_keyring_is_told_and_not_replaced(content: bytes) -> None:
    cluster = FakeCluster()
    await Keys(cluster, SYSTEM, now).load(unused)
    cluster.apply(source_secret(str(KEYRING_REF), {"keyring": content}, consent=False))
    cluster.calls.clear()
    with pytest.raises(RuntimeEnvError):
        await Keys(cluster, SYSTEM, now).load(unused)
    assert not cluster.writes()


async def test_the_public_key_is_published_once_and_restored() -> None:
    cluster, key = FakeCluster(), KEYRING.sealing_key()
    keys = Keys(cluster, SYSTEM, now)
    for _ in range(2):
        await keys.publish(key)
    assert len(cluster.writes()) == 1
    stored = cluster.read(CONFIG_MAPS, Ref(SYSTEM, "runtime-env-public-key"))
    assert SealingKey.parse(stored["data"]["sealing-key"]) == key
    assert stored["data"]["fingerprint"] == key.fingerprint
    cluster.apply({**stored, "data": {"sealing-key": "another"}})
    await keys.publish(key)
    assert cluster.read(CONFIG_MAPS, Ref(SYSTEM, "runtime-env-public-key"))["data"] == stored["data"]


async def test_compare_keys_are_made_once_and_again_when_damaged() -> None:
    cluster = FakeCluster()
    keys = Keys(cluster, SYSTEM, now)
    for _ in range(2):
        await keys.compare_keys()
    assert len(cluster.writes()) == 1
    cluster.apply(source_secret(str(COMPARE), {"primary": "\xff"}, consent=False))
    await keys.compare_keys()
    found = contents(cluster.read(SECRETS, COMPARE))
    assert len(found[found["primary"].decode()]) == 32


@pytest.mark.parametrize(
    ("manifest", "in_use"),
    [
        (None, False),
        (sealed("acme/x", "v"), True),
        (from_secret("acme/x", "s"), False),
        (variable("acme/x", value="v"), False),
    ],
)
async def test_only_sealed_texts_keep_a_keyring_from_being_made(manifest: dict[str, Any] | None, in_use: bool) -> None:
    cluster = FakeCluster(namespace("acme", "acme"), *([manifest] if manifest else []))
    replica = Replica(cluster, Settings(), KEYRING)
    running = asyncio.create_task(replica.watching.run())
    await replica.watching.synced()
    assert await replica.watching.in_use() == in_use
    running.cancel()


async def test_envelopes_alone_keep_a_keyring_from_being_made() -> None:
    async with World(namespace("acme", "acme"), source_secret("acme/s", {"key": "v"}), from_secret("acme/x", "s")) as w:
        assert await w.replica.watching.in_use()
