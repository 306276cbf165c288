"""Tenants with one namespace each, their variables, and the time from the first create to the last Ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from runtimeenv.cluster.client import ApiCluster, Query
from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.cluster.objects import NOTHING, ObjectMeta
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.core.identity import Identity, Layer, Tenant
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.seal import SealingKey, seal
from tests import builders
from tests.builders import Manifest

WRITERS = 16


class Shown(msgspec.Struct, frozen=True):
    """A variable's status, as far as it says Ready."""

    metadata: ObjectMeta
    status: Any = NOTHING

    @property
    def ready(self) -> bool:
        return any(c["type"] == "Ready" and c["status"] == "True" for c in self.status.get("conditions") or ())


VARIABLES = RUNTIME_ENV_VARS.read_as(Shown)


@dataclass(frozen=True)
class Population:
    """So many variables, spread evenly over so many namespaces, each of a tenant of its own."""

    variables: int
    namespaces: int

    def namespace_manifests(self) -> list[Manifest]:
        """Enrolled."""
        return [builders.namespace(f"bench-{n}", f"t{n}") for n in range(self.namespaces)]

    def runtime_envs(self) -> list[Manifest]:
        """One for each namespace."""
        return [builders.runtime_env(f"bench-{n}/renv.sandbox") for n in range(self.namespaces)]

    def sealed(self, key: SealingKey) -> list[Manifest]:
        """The variables, neighbours in different namespaces."""
        return [self._variable(n, key) for n in range(self.variables)]

    def _variable(self, n: int, key: SealingKey) -> Manifest:
        tenant, name = n % self.namespaces, f"BENCH_{n}"
        identity = Identity(Layer(Tenant(f"t{tenant}"), "all"), name)
        sealed = seal(Plaintext(f"sk-bench-{n:040d}"), identity, key)
        return builders.variable(f"bench-{tenant}/v{n}", name, sealed=str(sealed))


async def create_all(cluster: ApiCluster, manifests: Iterable[Manifest]) -> None:
    """Create them, several at once."""
    left = iter(manifests)

    async def write() -> None:
        for manifest in left:
            await cluster.replace(manifest, None)

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(write())


async def create_and_wait(cluster: ApiCluster, manifests: Sequence[Manifest]) -> float:
    """Seconds from the first create to the last Ready; bound it with a time-out."""
    waiting = {manifest["metadata"]["name"] for manifest in manifests}
    done = asyncio.Event()

    def put(new: Shown, _old: Shown | None) -> None:
        if new.ready:
            waiting.discard(new.metadata.name)
            if not waiting:
                done.set()

    # A busy API server closes slow watches: the mirror takes them up again.
    mirror = Reflector(cluster, VARIABLES, Query(), put, lambda _: None)
    watching = asyncio.create_task(mirror.run())
    await mirror.synced.wait()
    began = time.perf_counter()
    await create_all(cluster, manifests)
    await done.wait()
    watching.cancel()
    return time.perf_counter() - began
