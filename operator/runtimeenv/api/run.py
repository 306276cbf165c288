"""The API's process: probes at once, requests once it knows the variables, the namespaces and the API keys."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any, Final, Never

from runtimeenv.api.admission import Service
from runtimeenv.api.audit import Trail
from runtimeenv.api.bearers import Bearers
from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import CLAIMANTS, Claimant
from runtimeenv.api.freshness import Freshness
from runtimeenv.api.limits import Limiter
from runtimeenv.api.middleware import Requests
from runtimeenv.api.probes import probe_routes
from runtimeenv.api.proxies import Proxies
from runtimeenv.api.routes import application
from runtimeenv.api.server import Server
from runtimeenv.api.traffic import Traffic
from runtimeenv.api.writes import Writes
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.objects import AnnotatedMetadata, identified
from runtimeenv.cluster.protocol import Cluster, Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.serving.folders import Folder
from runtimeenv.serving.lifecycle import serve
from runtimeenv.serving.metrics import (
    CAN_SEAL,
    Measure,
    certificate_expiry,
    gauge,
    process_registry,
    watches,
)
from runtimeenv.serving.probes import probe_server
from runtimeenv.serving.sealing_key import PublishedKey
from runtimeenv.serving.tls import Certificates
from runtimeenv.settings import Settings

LINGER: Final = 5.0
"""Seconds in which load balancers learn that this replica goes."""
GRACE: Final = 15.0
"""For what is under way then; a write that takes longer goes unanswered, and may be sent again. Both together are
below the 30 s that a pod has."""

log: Final = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Raises Invalid for settings that no request could be served by."""
    return serve(partial(Api, settings))


class Api:
    """The parts and how they hang together."""

    def __init__(self, settings: Settings, cluster: Cluster, *measures: Measure) -> None:
        self._settings = settings
        self._certificates = Certificates() if settings.api_tls == "on" else None
        self._sealing_key = PublishedKey()
        self._catalog = Catalog(settings.allowed_names)
        self._variables: Reflector[Claimant] = Reflector(
            cluster, CLAIMANTS, Query(), self._catalog.put_variable, self._catalog.remove_variable,
            on_version=lambda: self._catalog.advanced(self._variables.version),
        )  # fmt: skip
        self._namespaces: Reflector[AnnotatedMetadata] = Reflector(
            cluster, NAMESPACES, Query(), self._catalog.put_namespace, self._catalog.remove_namespace, keep=identified
        )
        self._bearers = Bearers(cluster, settings.namespace)
        self._freshness = Freshness((self._variables, self._namespaces), lambda: self._bearers.age)
        self._folders = [Folder(settings.public_key_folder, self._sealing_key.load)]
        if self._certificates is not None:
            self._folders.append(Folder(settings.tls_folder, self._certificates.load))
        registry = process_registry(*measures, *self._measures())
        self._server = self._serving(cluster, Trail(Traffic(registry)))
        self._probes = probe_server(self._waiting_for, registry)
        self.port = 0
        self.probe_port = 0

    def _measures(self) -> Iterator[Measure]:
        yield watches({"namespaces": self._namespaces, "variables": self._variables})
        yield gauge("can_seal", CAN_SEAL, lambda: self._sealing_key.loaded)
        yield gauge("api_age_seconds", "How old what reads are answered from may be.", self._freshness.age)
        if self._certificates is not None:
            yield certificate_expiry(self._certificates)

    def _serving(self, cluster: Cluster, trail: Trail) -> Server:
        settings = self._settings
        service = Service(
            bearers=self._bearers,
            catalog=self._catalog,
            writes=Writes(cluster, self._catalog, self._sealing_key.current, settings.allowed_names),
            key_limiter=Limiter(settings.api_key_rate),
            address_limiter=Limiter(settings.api_address_rate),
            age=self._freshness.age,
            allowed_names=settings.allowed_names,
        )
        routes = application(service)
        routes.router.routes.extend(probe_routes(self._waiting_for))
        return Server(Requests(routes, trail, Proxies(settings.forwarded_allow_ips)), trail)

    async def start(self) -> None:
        """Listen for probes."""
        for folder in self._folders:
            folder.look()
        self.probe_port = await self._probes.start(self._settings.bind_address, self._settings.probe_port)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow cluster and folders, and serve once both are known, in the block; a fault of one of them ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in self._work()]
                yield
                for task in tasks:
                    task.cancel()
        finally:
            if self.port:
                self._server.close()
            self._probes.close()

    def _work(self) -> list[Coroutine[Any, Any, None]] | list[Coroutine[Any, Any, Never]]:
        return [
            *(folder.follow() for folder in self._folders),
            *(reflector.run() for reflector in (self._variables, self._namespaces)),
            self._bearers.follow(),
            self._freshness.follow(),
            self._listen(),
        ]

    async def stop(self) -> None:
        """Stop without failing a request. Nobody has to learn that a replica goes that never was ready."""
        if self.port:
            await self._server.drain(0 if self._waiting_for() else LINGER, GRACE)

    async def _listen(self) -> None:
        """Before it knows all, it could but say 404 and 401 to what is there and who is known: it doesn't listen.

        What is there after the first sync stays: the garbage collector needn't look at it again and again.
        """
        for known in (self._variables.synced, self._namespaces.synced, self._bearers.loaded):
            await known.wait()
        log.info("variables known", extra={"count": len(self._variables.objects)})
        gc.collect()
        gc.freeze()
        context = self._certificates.context if self._certificates is not None else None
        self.port = await self._server.start(self._settings.bind_address, self._settings.api_port, context)

    def _waiting_for(self) -> str:
        if self._certificates is not None and not self._certificates.loaded:
            return "a serving certificate"
        if not self._namespaces.synced.is_set():
            return "the list of namespaces"
        if not self._variables.synced.is_set():
            return "the list of variables"
        if not self._bearers.loaded.is_set():
            return "the API keys"
        if self._server.draining:
            return "the end"
        return "" if self.port else "its port"
