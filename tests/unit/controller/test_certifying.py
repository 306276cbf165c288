"""The webhook's certificate: issued, renewed and trusted, in an order that never leaves a replica untrusted."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS, SECRETS
from runtimeenv.controller.certifying import Certifying
from runtimeenv.controller.serving_certificates import OVERLAP, SPREAD
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.certificates import Certified, due, issue_authority, serves, service_hosts
from runtimeenv.errors import Stale, Unavailable
from runtimeenv.settings import Settings
from tests.fakes.cluster import FakeCluster
from tests.unit.controller.world import contents, now

pytestmark = pytest.mark.virtual_time

SYSTEM = "runtime-env-system"
TLS, AUTHORITY = Ref(SYSTEM, "runtime-env-webhook-tls"), Ref(SYSTEM, "runtime-env-webhook-ca")
CONFIGURATIONS = ("00-runtime-env", "runtime-env")


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


async def test_a_new_authority_is_trusted_for_a_while_before_its_certificate_is_stored() -> None:
    async with Trusting() as world:
        before = world.stored
        world.cluster.calls.clear()
        world.later = timedelta(days=250)
        world.cluster.remove(SECRETS, AUTHORITY)
        await asyncio.sleep(SPREAD - 1)
        assert [call.ref.name for call in world.cluster.writes()] == [AUTHORITY.name, *CONFIGURATIONS]
        assert world.stored == before
        await asyncio.sleep(2)
        assert world.stored["tls.crt"] != before["tls.crt"]
        world.check()


async def test_where_no_certificate_was_trusted_the_first_one_does_not_wait() -> None:
    cluster = FakeCluster(*map(configuration, CONFIGURATIONS))
    assert await Certifying(cluster, Settings(), now).renew() > SPREAD
    assert cluster.read(SECRETS, TLS)


async def test_an_older_authority_is_trusted_until_no_replica_can_serve_it() -> None:
    async with Trusting() as world:
        before = world.stored
        world.cluster.remove(SECRETS, AUTHORITY)
        await asyncio.sleep(OVERLAP)
        assert world.stored["ca.crt"].endswith(before["ca.crt"])
        await asyncio.sleep(2 * SPREAD)
        assert before["ca.crt"] not in world.stored["ca.crt"]
        world.check()


async def test_an_authority_from_somewhere_is_trusted_no_longer() -> None:
    async with Trusting() as world:
        await asyncio.sleep(OVERLAP)
        stranger = base64.b64encode(issue_authority(now()).certificate).decode()
        found = world.cluster.read(MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", "runtime-env"))
        for webhook in found["webhooks"]:
            webhook["clientConfig"]["caBundle"] = stranger
        world.cluster.apply(found)
        await asyncio.sleep(1)
        world.check()
