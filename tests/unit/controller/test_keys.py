"""The keyring of a cluster, and the webhook's certificate: made once, kept, renewed, never lost over a mistake."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from runtimeenv.cluster.kinds import CONFIG_MAPS, MUTATING_WEBHOOK_CONFIGURATIONS, SECRETS
from runtimeenv.controller.certifying import Certifying
from runtimeenv.controller.keys import Keys
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.certificates import Certified, due, serves, service_hosts
from runtimeenv.crypto.seal import SealingKey
from runtimeenv.errors import KeyUnavailable, RuntimeEnvError, Stale, Unavailable
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


def configuration(name: str) -> dict[str, Any]:
    webhook = {"name": "a.b.c", "clientConfig": {"service": {"name": "w"}}, "failurePolicy": "Fail"}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook, {**webhook, "name": "d.e.f"}],
    }


class Trusting:
    """A cluster with both configurations, and what keeps them trusting."""

    def __init__(self) -> None:
        self.cluster = FakeCluster(configuration("00-runtime-env"), configuration("runtime-env"))
        self.later = timedelta()
        self.certifying = Certifying(self.cluster, Settings(), lambda: now() + self.later)
        self.hosts = service_hosts("runtime-env-webhook", SYSTEM)

    async def __aenter__(self) -> Trusting:
        await self.certifying.renew()
        self.running = asyncio.create_task(self.certifying.run())
        await asyncio.sleep(5)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self.running.done()
        self.running.cancel()

    @property
    def stored(self) -> dict[str, bytes]:
        return contents(self.cluster.read(SECRETS, TLS))

    def trusted(self, name: str) -> list[bytes]:
        found = self.cluster.read(MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", name))
        return [base64.b64decode(webhook["clientConfig"].get("caBundle", "")) for webhook in found["webhooks"]]

    def check(self) -> None:
        """The certificate serves, and both configurations trust it."""
        authority = contents(self.cluster.read(SECRETS, AUTHORITY))["tls.crt"]
        assert self.stored["ca.crt"].startswith(authority)
        assert due(self.stored["tls.crt"], now() + self.later)
        assert serves(Certified(self.stored["tls.crt"], self.stored["tls.key"]), authority, self.hosts)
        for name in ("00-runtime-env", "runtime-env"):
            assert self.trusted(name) == [self.stored["ca.crt"]] * 2


async def test_a_certificate_is_issued_and_trusted_and_all_else_stays() -> None:
    async with Trusting() as world:
        world.check()
        found = world.cluster.read(MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", "runtime-env"))
        assert found["webhooks"][0]["failurePolicy"] == "Fail"
        assert found["webhooks"][0]["clientConfig"]["service"] == {"name": "w"}


async def test_a_second_start_changes_nothing() -> None:
    async with Trusting() as world:
        world.cluster.calls.clear()
        await Certifying(world.cluster, Settings(), now).renew()
        await asyncio.sleep(7200)
        assert not world.cluster.writes()


async def test_a_configuration_made_again_is_trusted_again() -> None:
    async with Trusting() as world:
        world.cluster.remove(MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", "runtime-env"))
        await asyncio.sleep(5)
        world.cluster.apply(configuration("runtime-env"))
        await asyncio.sleep(5)
        world.check()


@pytest.mark.parametrize("days", [70, 250, 400])
async def test_certificates_are_renewed_and_the_renewed_ones_trusted(days: int) -> None:
    async with Trusting() as world:
        before = world.stored
        world.later = timedelta(days=days)
        await asyncio.sleep(3700)
        assert world.stored["tls.crt"] != before["tls.crt"]
        world.check()
        if days == 250:
            assert world.stored["ca.crt"].endswith(before["ca.crt"]), "the older authority is trusted while it is valid"


@pytest.mark.parametrize("ref", [TLS, AUTHORITY])
@pytest.mark.parametrize("entry", ["tls.crt", "tls.key", None])
async def test_a_damaged_or_lost_certificate_is_issued_anew(ref: Ref, entry: str | None) -> None:
    async with Trusting() as world:
        if entry is None:
            world.cluster.remove(SECRETS, ref)
        else:
            found = world.cluster.read(SECRETS, ref)
            world.cluster.apply({**found, "data": {**found["data"], entry: base64.b64encode(b"damaged").decode()}})
        await Certifying(world.cluster, Settings(), now).renew()
        await asyncio.sleep(3700)
        world.check()


async def test_failures_on_the_way_are_retried() -> None:
    async with Trusting() as world:
        world.later = timedelta(days=250)
        world.cluster.faults.fail(Unavailable(503, "away"), times=3)
        world.cluster.faults.fail(Stale(409, "patch"), verb="patch", times=2)
        await asyncio.sleep(3800)
        world.check()
