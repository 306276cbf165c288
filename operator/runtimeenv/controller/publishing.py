"""Keeps the public key and the compare keys where the webhook and users read them, whoever deletes or changes them."""

from __future__ import annotations

import asyncio
from typing import Any

from runtimeenv.cluster.kinds import CONFIG_MAPS, SECRET_METADATA
from runtimeenv.cluster.protocol import Cluster, Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.controller.keys import Keys
from runtimeenv.controller.queue import Queue
from runtimeenv.core import names
from runtimeenv.crypto.seal import SealingKey


class Publishing:
    """`publish` once, before anything is sealed; then `run`. A public key of another hand would read what is sealed."""

    def __init__(self, cluster: Cluster, namespace: str, keys: Keys, key: SealingKey) -> None:
        self._keys = keys
        self._key = key
        self._queue: Queue[str, None] = Queue(self.publish, workers=1)

        def reflect(kind: Any, name: str) -> Reflector[Any]:
            query = Query(namespace=namespace, fields=f"metadata.name={name}")
            return Reflector(cluster, kind, query, lambda _new, _old: self._look(), lambda _last: self._look())

        self._reflectors = (
            reflect(CONFIG_MAPS, names.PUBLIC_KEY_CONFIG_MAP),
            reflect(SECRET_METADATA, names.COMPARE_KEYS_SECRET),
        )

    async def publish(self, _name: str = "", _item: None = None) -> None:
        """Write what is missing or not ours."""
        await self._keys.publish(self._key)
        await self._keys.compare_keys()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run())
            for reflector in self._reflectors:
                group.create_task(reflector.run())

    def _look(self) -> None:
        self._queue.offer("keys")
