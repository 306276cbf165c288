"""Replicas of the REST API's catalog and writes in this process, on a real API server and controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient

from runtimeenv.api.bearers import Bearer
from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import CLAIMANTS, Claimant
from runtimeenv.api.writes import Change, Done, Draft, Writes
from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Layer, Tenant
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.seal import SealingKey
from tests.cluster.homes import Home
from tests.kube.chart import NAMESPACE

LONG = "sk-ant-0123456789abcdefghij"


@dataclass
class Replica:
    """One process of the REST API, as far as its catalog and writes go; it acts for one tenant."""

    cluster: ApiCluster
    catalog: Catalog
    writes: Writes
    bearer: Bearer

    async def upsert(self, name: str, value: str, **notes: Any) -> Done:
        """POST of a variable of the whole tenant."""
        return await self.writes.upsert(self.bearer, Draft(self.identity(name), Plaintext(value), True, notes))

    async def update(self, id: str, **fields: Any) -> Done:  # noqa: A002
        """PATCH."""
        matches = fields.pop("matches", lambda _etag: True)
        return await self.writes.update(self.bearer, id, Change(**fields), matches)

    async def delete(self, id: str) -> str:  # noqa: A002
        """DELETE."""
        return await self.writes.delete(self.bearer, id, lambda _etag: True)

    def identity(self, name: str) -> Identity:
        """Of the whole tenant, for all targets."""
        return Identity(Layer(Tenant(self.bearer.tenant), "all"), name)

    async def until(self, revision: str) -> None:
        """What a GET with this Runtime-Env-Revision does first."""
        await self.catalog.reached(self.bearer.tenant, int(revision))

    def shown(self) -> list[str]:
        """The NAMEs of the tenant's list."""
        return [entry.identity.name for entry in self.catalog.select(self.bearer)]


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Replica]:
    """A replica that has synced."""
    published = home.cluster.get_json("configmap", names.PUBLIC_KEY_CONFIG_MAP, "-n", NAMESPACE)
    key = SealingKey.parse(published["data"]["sealing-key"])
    catalog = Catalog()
    async with ApiClient(await access.configuration({"KUBECONFIG": str(home.cluster.kubeconfig)})) as api:
        cluster = ApiCluster(api)
        variables: Reflector[Claimant] = Reflector(
            cluster,
            CLAIMANTS,
            Query(),
            catalog.put_variable,
            catalog.remove_variable,
            on_version=lambda: catalog.advanced(variables.version),
        )
        spaces = Reflector(cluster, NAMESPACES, Query(), catalog.put_namespace, catalog.remove_namespace)
        tasks = [asyncio.create_task(reflector.run()) for reflector in (variables, spaces)]
        await asyncio.gather(variables.synced.wait(), spaces.synced.wait())
        bearer = Bearer("abcdefghij234567", home.namespace, "write")
        yield Replica(cluster, catalog, Writes(cluster, catalog, lambda: key), bearer)
        await api.close()  # waits for the connections' ends, which a watch that is cancelled does not
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def replicas(home: Home) -> AsyncIterator[tuple[Replica, Replica]]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(running(home)), await stack.enter_async_context(running(home))


@pytest.fixture
def one(replicas: tuple[Replica, Replica]) -> Replica:
    return replicas[0]


async def kubectl(home: Home, *args: str, **kw: Any) -> str:
    """kubectl in the tenant's namespace, while the replicas go on."""
    return (await asyncio.to_thread(home.kubectl, *args, **kw)).out


async def seen(replica: Replica, home: Home) -> None:
    """Until the replica has what kubectl wrote."""
    listed = await replica.cluster.list(CLAIMANTS, Query(home.namespace))
    newest = max((item.metadata.version for item in listed.items), default=0)
    await replica.catalog.reached(replica.bearer.tenant, newest)
