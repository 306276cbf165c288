"""Replicas of the REST API over a FakeCluster: a catalog and its reflectors, writes, and a stand-in for the controller.

In virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from runtimeenv.api.bearers import Bearer
from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import CLAIMANTS, Claimant
from runtimeenv.api.writes import Change, Draft, Writes
from runtimeenv.cluster.kinds import NAMESPACES, RUNTIME_ENV_VARS
from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.core import names
from runtimeenv.core.conditions import Reason, state_of
from runtimeenv.core.identity import Identity, Layer, Ref, Scope, Target, Tenant
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.seal import SealedValue, SealingKey
from runtimeenv.crypto.unseal import unseal
from tests.builders import Manifest, namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.crypto.examples import KEYRING

HOME: Final = "acme-home"


def home(name: str = HOME, tenant: str = "acme") -> Manifest:
    """A tenant's home namespace."""
    made = namespace(name, tenant)
    made["metadata"]["labels"][names.HOME_LABEL] = "true"
    return made


def terminating(manifest: Manifest) -> Manifest:
    """The same object, being deleted."""
    return {**manifest, "metadata": {**manifest["metadata"], "deletionTimestamp": "2026-11-24T12:00:00Z"}}


def bearer(tenant: str = "acme", **limits: Any) -> Bearer:
    """An API key that may write; ``limits`` are scopes, workspaces, projects."""
    return Bearer("abcdefghij234567", tenant, "write", **limits)


ACME: Final = bearer()


def identity(name: str = "TOKEN", scope: Scope | None = None, target: Target = "all") -> Identity:
    """An identity in tenant acme, of the whole tenant unless a scope is given."""
    return Identity(Layer(scope or Tenant("acme"), target), name)


def draft(value: str = "hello", name: str = "TOKEN", *, enabled: bool = True, **notes: Any) -> Draft:
    """What a POST describes."""
    return Draft(identity(name), Plaintext(value), enabled, notes)


def any_state(_etag: str) -> bool:
    """No If-Match."""
    return True


class Replica:
    """One process of the REST API."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.catalog = Catalog(frozenset({"LD_ALLOWED"}))
        self.writes = Writes(cluster, self.catalog, self._sealing_key, frozenset({"LD_ALLOWED"}))
        self.variables: Reflector[Claimant] = Reflector(
            cluster,
            CLAIMANTS,
            Query(),
            self.catalog.put_variable,
            self.catalog.remove_variable,
            on_version=lambda: self.catalog.advanced(self.variables.version),
        )
        self.namespaces: Reflector[AnnotatedMetadata] = Reflector(
            cluster, NAMESPACES, Query(), self.catalog.put_namespace, self.catalog.remove_namespace
        )

    def _sealing_key(self) -> SealingKey:
        return KEYRING.sealing_key()

    async def upsert(self, value: str = "hello", name: str = "TOKEN", **fields: Any) -> Any:
        """POST as tenant acme."""
        return await self.writes.upsert(ACME, draft(value, name, **fields))

    async def update(self, id: str, value: str | None = None, **fields: Any) -> Any:  # noqa: A002
        """PATCH as tenant acme."""
        matches = fields.pop("matches", any_state)
        change = Change(Plaintext(value) if value is not None else None, **fields)
        return await self.writes.update(ACME, id, change, matches)

    async def delete(self, id: str, matches: Callable[[str], bool] = any_state) -> str:  # noqa: A002
        """DELETE as tenant acme."""
        return await self.writes.delete(ACME, id, matches)


class Controller:
    """Writes the statuses that the controller would, after ``delay`` seconds; ``reasons`` are by the object's name."""

    def __init__(self, cluster: FakeCluster, delay: float = 0.05) -> None:
        self.cluster = cluster
        self.delay = delay
        self.reasons: dict[str, Reason] = {}
        self.at_work = True
        self.reflector: Reflector[Any] = Reflector(cluster, RUNTIME_ENV_VARS, Query(), self._put, lambda _last: None)

    def _put(self, new: Any, _old: Any) -> None:
        if self.at_work and new.status.get("observedGeneration") != new.metadata.generation:
            asyncio.get_running_loop().call_later(self.delay, self.judge, new.metadata.ref)

    def judge(self, ref: Ref) -> None:
        """Write the status of a variable, if it still exists."""
        found = self.cluster.store.get(RUNTIME_ENV_VARS, ref)
        if found is not None:
            status = settled(found, self.reasons.get(ref.name, "Materialized"))
            self.cluster.store.patch(RUNTIME_ENV_VARS, ref, {"status": status}, "status")


def settled(found: Mapping[str, Any], reason: Reason = "Materialized", tenant: str = "acme") -> dict[str, Any]:
    """The status of a variable that the controller has tried."""
    generation = found["metadata"]["generation"]
    state = state_of(reason)
    conditions = [
        {"type": kind, "status": str(kind == state), "reason": reason, "observedGeneration": generation}
        for kind in ("Ready", "Reconciling", "Stalled")
    ]
    return {
        "tenantId": tenant,
        "preview": f"seen {generation}",
        "observedGeneration": generation,
        "updatedAt": "2026-11-24T12:00:00.000000Z",
        "conditions": conditions,
    }


class Scene:
    """A cluster with one tenant, its controller and two replicas."""

    def __init__(self, *manifests: Manifest) -> None:
        self.cluster = FakeCluster(*(manifests or (home(),)))
        self.controller = Controller(self.cluster)
        self.one = Replica(self.cluster)
        self.other = Replica(self.cluster)

    def value(self, ref: Ref, who: Identity | None = None) -> str:
        """What a variable was sealed with."""
        sealed = self.cluster.read(RUNTIME_ENV_VARS, ref)["spec"]["sealedValue"]
        return unseal(SealedValue.parse(sealed), who or identity(), KEYRING).reveal()

    def variables(self) -> list[Manifest]:
        """All variables of the cluster."""
        return self.cluster.store.all(RUNTIME_ENV_VARS)


@asynccontextmanager
async def scene(*manifests: Manifest) -> AsyncIterator[Scene]:
    """All of it running, and synced. Without manifests the tenant acme has its home."""
    made = Scene(*manifests)
    reflectors = [made.controller.reflector]
    for replica in (made.one, made.other):
        reflectors += [replica.namespaces, replica.variables]
    tasks = [asyncio.create_task(reflector.run()) for reflector in reflectors]
    try:
        for reflector in reflectors:
            await reflector.synced.wait()
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
