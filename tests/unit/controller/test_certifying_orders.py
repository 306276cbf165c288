"""Certificates lost, replaced and due in any order: whatever a replica still serves is trusted all the while."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from math import inf

import pytest

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS, SECRETS
from runtimeenv.controller.certifying import Certifying
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.certificates import Certified, expiry, issue_authority, issue_serving, serves
from runtimeenv.errors import Stale, Unavailable
from runtimeenv.settings import Settings
from tests.unit.controller.test_certifying import AUTHORITY, CONFIGURATIONS, TLS, Trusting, configuration
from tests.unit.controller.world import contents, now

pytestmark = pytest.mark.virtual_time

SOONEST, LATEST = 1, 120
"""Seconds in which a kubelet brings a Secret."""
AT_ONCE = 1.0
"""Seconds within which a configuration that was made anew is filled in."""
PAUSES = (0, 0.3, 3, 60, 200, 4000)
OFTEN = 0.3


class Served:
    """Replicas that take what is stored at some time within `LATEST`."""

    def __init__(self, world: Trusting, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.replicas = [Certified(world.stored["tls.crt"], world.stored["tls.key"])] * 2
        self.looks = 0
        self.story: list[str] = []
        self.ends: dict[bytes, datetime] = {}

    async def follow(self) -> None:
        """Take what is stored, and see that it is trusted, at every change of either."""
        loop, store = asyncio.get_running_loop(), self.world.cluster.store
        coming: dict[int, float] = {}
        while True:
            tick, stored = store.tick, self.pair(TLS)
            for number, held in enumerate(self.replicas):
                if stored is not None and stored != held and number not in coming:
                    coming[number] = loop.time() + self.chance.uniform(SOONEST, LATEST)
                if coming.get(number, inf) <= loop.time():
                    del coming[number]
                    self.replicas[number] = stored or held
            self.check()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(coming.values(), default=None)):
                    await store.moved(tick)

    def check(self) -> None:
        """Each configuration trusts each replica, but what has ended."""
        for name in CONFIGURATIONS:
            for bundle in self.world.trusted(name):
                for held in self.replicas:
                    assert self.ended(held) or trusts(bundle, held, self.world.hosts), ", ".join(self.story)
                    self.looks += 1

    def ended(self, held: Certified) -> bool:
        """No authority helps a certificate that has ended."""
        if held.certificate not in self.ends:
            self.ends[held.certificate] = expiry(held.certificate)
        return self.ends[held.certificate] <= now() + self.world.later

    def pair(self, ref: Ref) -> Certified | None:
        """A Secret's pair, if it is one that a webhook takes."""
        secret = self.world.cluster.store.get(SECRETS, ref)
        found = contents(secret) if secret else {}
        pair = Certified(found.get("tls.crt", b""), found.get("tls.key", b""))
        return pair if b"PRIVATE" in pair.private_key else None


@cache
def trusts(bundle: bytes, held: Certified, hosts: tuple[str, ...]) -> bool:
    """Is it of any authority of the bundle?"""
    authorities = [b"-----BEGIN" + pem for pem in bundle.split(b"-----BEGIN")[1:]]
    return any(serves(held, authority, hosts) for authority in authorities)


def put(world: Trusting, ref: Ref, pair: Certified) -> None:
    entries = {"tls.crt": pair.certificate, "tls.key": pair.private_key}
    data = {name: base64.b64encode(raw).decode() for name, raw in entries.items()}
    metadata = {"namespace": ref.namespace, "name": ref.name}
    world.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def lose(world: Trusting, *refs: Ref) -> None:
    for ref in refs:
        with suppress(AssertionError):
            world.cluster.remove(SECRETS, ref)


def restore(world: Trusting) -> None:
    """Both Secrets, as a backup had them."""
    issued = now() + world.later - timedelta(days=9)
    authority = issue_authority(issued)
    put(world, AUTHORITY, authority)
    put(world, TLS, issue_serving(authority, world.hosts, issued))


def pass_days(days: int) -> Callable[[Trusting], None]:
    def jump(world: Trusting) -> None:
        world.later += timedelta(days=days)

    return jump


def make_anew(world: Trusting) -> None:
    world.cluster.remove(MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", "runtime-env"))
    world.cluster.apply(configuration("runtime-env"))


def stumble(world: Trusting) -> None:
    world.cluster.faults.fail(Unavailable(503, "away"), times=2)
    world.cluster.faults.fail(Stale(409, "patch"), verb="patch")


EVENTS: dict[str, Callable[[Trusting], None]] = {
    "lose the certificate": lambda world: lose(world, TLS),
    "lose the authority": lambda world: lose(world, AUTHORITY),
    "lose both": lambda world: lose(world, TLS, AUTHORITY),
    "spoil the certificate": lambda world: put(world, TLS, Certified(b"x", b"y")),
    "set an authority": lambda world: put(world, AUTHORITY, issue_authority(now() + world.later)),
    "set one that is none": lambda world: put(world, AUTHORITY, issue_serving(issue_authority(now()), ["x"], now())),
    "pass 65 days": pass_days(65),
    "pass 250 days": pass_days(250),
    "restore": restore,
    "stumble": stumble,
}


@pytest.mark.parametrize("seed", range(12))
async def test_what_may_be_served_is_trusted_in_every_order_of_events(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable
    async with Trusting() as world:
        served = Served(world, chance)
        looking = asyncio.create_task(served.follow())
        for _ in range(6):
            event = chance.choice(list(EVENTS))
            EVENTS[event](world)
            if again := chance.random() < OFTEN:
                await restart(world)
            # Who restores a certificate and loses its authority in one go leaves nobody to know it by.
            pause = chance.choice(PAUSES[-3:] if event == "restore" else PAUSES)
            served.story += [event, "restart" if again else "", f"{pause} s"]
            await asyncio.sleep(pause)
        await asyncio.sleep(8000)
        if looking.done():
            looking.result()
        looking.cancel()
        assert served.looks > 100
        assert served.replicas == [served.pair(TLS)] * 2
        world.check()
        authority = contents(world.cluster.read(SECRETS, AUTHORITY))["tls.crt"]
        assert world.stored["ca.crt"] == authority, "no authority is trusted that nothing is served of"


async def restart(world: Trusting) -> None:
    """Another controller goes on."""
    world.running.cancel()
    world.certifying = Certifying(world.cluster, Settings(), lambda: now() + world.later)
    world.running = asyncio.create_task(world.certifying.run())


async def test_a_configuration_made_anew_is_filled_in_at_once() -> None:
    async with Trusting() as world:
        make_anew(world)
        await asyncio.sleep(AT_ONCE)
        world.check()
