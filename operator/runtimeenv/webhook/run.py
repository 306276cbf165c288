"""The webhook's process: probes at once, reviews once the namespaces are known and a certificate is there."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.objects import AnnotatedMetadata, identified
from runtimeenv.cluster.protocol import Cluster, Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.core.pod import OBJECTS_LIMIT, pods_of
from runtimeenv.serving.folders import Folder
from runtimeenv.serving.http import Routes
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
from runtimeenv.serving.server import Server
from runtimeenv.serving.tls import Certificates
from runtimeenv.settings import Settings
from runtimeenv.webhook.compare import Comparer
from runtimeenv.webhook.injection import Injection
from runtimeenv.webhook.keys import Keys
from runtimeenv.webhook.namespaces import Namespaces
from runtimeenv.webhook.outcomes import Reviews
from runtimeenv.webhook.reviews import Reviewer
from runtimeenv.webhook.sealing import Sealing, Variable
from runtimeenv.webhook.trust import Trust

LINGER: Final = 3.0
"""Seconds in which API servers learn that this replica goes."""
GRACE: Final = 10.0
KEYS_WITHIN: Final = 100.0
"""Seconds in which the kubelet brings keys that were made after its first look; then pods wait no longer for them."""

log: Final = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    return serve(partial(Webhook, settings))


class Webhook:
    """The parts and how they hang together."""

    def __init__(self, settings: Settings, cluster: Cluster, *measures: Measure) -> None:
        self._settings = settings
        self._certificates = Certificates()
        self._keys = Keys()
        self._keys_until = 0.0
        self._trust = Trust(cluster, settings.webhook_configuration, self._certificates.context)
        self._namespaces = Namespaces(cluster)
        self._reflector: Reflector[AnnotatedMetadata] = Reflector(
            cluster, NAMESPACES, Query(), self._namespaces.put, self._namespaces.remove, keep=identified
        )
        self._folders = (
            Folder(settings.tls_folder, self._certificates.load),
            Folder(settings.public_key_folder, self._keys.load_sealing),
            Folder(settings.compare_keys_folder, self._keys.load_compare),
        )
        registry = process_registry(
            *measures,
            watches({"namespaces": self._reflector}),
            certificate_expiry(self._certificates),
            gauge("can_seal", CAN_SEAL, lambda: self._keys.complete),
        )
        self._server = Server(self._routes(Reviews(registry)))
        self._probes = probe_server(self._waiting_for, registry)
        self.synced = self._reflector.synced
        """Set once the namespaces are known."""
        self.port = 0
        self.probe_port = 0

    def _routes(self, reviews: Reviews) -> Routes:
        domain, namespaces = self._settings.pod_domain, self._namespaces
        inject = Injection(domain).judge
        seal = Sealing(self._keys, Comparer(), self._settings.plaintext_policy).judge
        return {
            ("POST", "/inject"): Reviewer(pods_of(domain), inject, namespaces, reviews.of("inject"), OBJECTS_LIMIT),
            ("POST", "/seal"): Reviewer(Variable, seal, namespaces, reviews.of("seal")),
        }

    async def start(self) -> None:
        """Listen on both ports. Until ready, handshakes fail for want of a certificate."""
        for folder in self._folders:
            folder.look()
        self._keys_until = asyncio.get_running_loop().time() + KEYS_WITHIN
        settings = self._settings
        self.probe_port = await self._probes.start(settings.bind_address, settings.probe_port)
        self.port = await self._server.start(settings.bind_address, settings.webhook_port, self._certificates.context)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow namespaces and folders in the block; a fault of one of them ends it, and both servers."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks: list[asyncio.Task[Any]] = [group.create_task(folder.follow()) for folder in self._folders]
                tasks.append(group.create_task(self._reflector.run()))
                tasks.append(group.create_task(self._settle()))
                tasks.append(group.create_task(self._trust.seek()))
                yield
                for task in tasks:
                    task.cancel()
        finally:
            for server in (self._server, self._probes):
                server.close()

    async def stop(self) -> None:
        """Stop without failing a review. Nobody has to learn that a replica goes that never was ready."""
        await self._server.drain(0 if self._waiting_for() else LINGER, GRACE)
        await self._probes.drain(0, 0)

    async def _settle(self) -> None:
        """What is there after the first sync stays: the garbage collector needn't look at it again and again."""
        await self.synced.wait()
        log.info("namespaces known", extra={"count": len(self._reflector.objects)})
        gc.collect()
        gc.freeze()

    def _waiting_for(self) -> str:
        if not self._certificates.loaded:
            return "a serving certificate"
        if not self.synced.is_set():
            return "the list of namespaces"
        if self._trust.missing:
            return self._trust.missing
        if not self._keys.complete and asyncio.get_running_loop().time() < self._keys_until:
            return "the keys that seal"
        return "the end" if self._server.draining else ""
