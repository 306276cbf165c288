"""Keeps the webhook's certificates valid, and trusted by whatever webhook configurations there are (design §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS, SECRET_METADATA
from runtimeenv.cluster.objects import Metadata, WebhookConfiguration
from runtimeenv.cluster.protocol import Cluster, Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.controller.queue import Queue
from runtimeenv.controller.serving_certificates import AUTHORITY_SECRET, ServingCertificates
from runtimeenv.core import names
from runtimeenv.settings import Settings


class Certifying:
    """`renew` once, before the webhook is needed; then `run`."""

    def __init__(self, cluster: Cluster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._certificates = ServingCertificates(cluster, settings, now)
        self._renewals: Queue[str, None] = Queue(self.renew, workers=1)
        base = settings.webhook_configuration
        self._configurations: list[Reflector[WebhookConfiguration]] = [
            Reflector(
                cluster,
                MUTATING_WEBHOOK_CONFIGURATIONS,
                Query(fields=f"metadata.name={name}"),
                lambda _new, _old: self._look(),
                lambda _last: None,
            )
            for name in (f"00-{base}", base)
        ]
        self._secrets: list[Reflector[Metadata]] = [
            Reflector(
                cluster,
                SECRET_METADATA,
                Query(namespace=settings.namespace, fields=f"metadata.name={name}"),
                lambda _new, _old: self._look(),
                lambda _last: self._look(),
            )
            for name in (AUTHORITY_SECRET, names.SERVING_SECRET)
        ]

    async def begun(self) -> bool:
        """Is there a serving certificate already, whatever its age?"""
        return await self._certificates.begun()

    async def renew(self, _name: str = "", _item: None = None) -> float:
        """Issue what is due, and have it trusted. Returns the seconds after which to look again."""
        return await self._certificates.renew()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renewals.run())
            for configuration in self._configurations:
                group.create_task(configuration.run())
            for secret in self._secrets:
                group.create_task(secret.run())
            self._look()

    def _look(self) -> None:
        """Something changed or went, or it is the start: see what is due."""
        self._renewals.offer("certificates")
