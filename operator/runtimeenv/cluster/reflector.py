"""A mirror of one kind: complete once `synced`, then kept current by a watch.

List, then watch. When the watch breaks, or its version is too old, list again and compare: what vanished in the gap
is removed, what is unchanged is not announced again. Pages are taken one by one, so that 100,000 objects never stand
in memory as text.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final, Generic

from runtimeenv.cluster.kinds import Kind, T
from runtimeenv.cluster.protocol import Cluster, Query, WatchEvent, pages
from runtimeenv.core.identity import Ref
from runtimeenv.errors import ClusterError

LONGEST_DELAY: Final = 30.0

log = logging.getLogger(__name__)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: up to 0.5, doubling to 30, at least half of that."""
    return min(2.0 ** min(failures - 2, 5), LONGEST_DELAY) * random.uniform(0.5, 1)  # noqa: S311 - spreads the load


def _whole(item: T) -> T:
    return item


def _nothing() -> None:
    pass


class Reflector(Generic[T]):
    """Calls ``on_put(new, old)`` for every new state and ``on_remove(last)`` once for what is gone.

    Both are called in the event loop, must not raise, and see `objects` already changed. An object that was made anew
    under the same name is removed, then put. ``keep`` strips what is kept in `objects`, and shown as old or last, of
    what nobody needs again; the metadata's name, UID and version must stay. ``on_version`` is called when `version` has
    moved, and all that belongs to it was told.
    """

    def __init__(  # noqa: PLR0913 - one place says all of a mirror
        self,
        cluster: Cluster,
        kind: Kind[T],
        query: Query,
        on_put: Callable[[T, T | None], None],
        on_remove: Callable[[T], None],
        *,
        keep: Callable[[T], T] = _whole,
        on_version: Callable[[], None] = _nothing,
    ) -> None:
        self.synced = asyncio.Event()
        self.version = ""
        """All changes up to this resourceVersion are known; empty before the first list, and when a new one is due."""
        self._cluster = cluster
        self._kind = kind
        self._query = query
        self._on_put = on_put
        self._on_remove = on_remove
        self._keep = keep
        self._on_version = on_version
        self._objects: dict[Ref, T] = {}
        self._failures = 0
        self._heard = 0.0

    @property
    def age(self) -> float:
        """Seconds since the API server last told anything, if only that nothing changed: it does so every minute."""
        return time.monotonic() - self._heard

    @property
    def objects(self) -> Mapping[Ref, T]:
        """What exists."""
        return self._objects

    async def run(self, delay: Callable[[int], float] = backoff) -> None:
        """Forever; ends only by cancellation, or by a fault of the two functions."""
        while True:
            self._failures += 1  # until the watch tells something
            try:
                if not self.version:
                    await self._list()
                await self._watch()
            except ClusterError as error:
                self.version = ""
                log.warning("watch broken", extra={"ref": self._kind.plural, "reason": str(error)})
            if self._failures:
                await asyncio.sleep(delay(self._failures))

    async def _list(self) -> None:
        seen: set[Ref] = set()
        version = ""
        async for page in pages(self._cluster, self._kind, self._query):
            version = page.version
            for item in page.items:
                seen.add(item.metadata.ref)
                self._put(item)
        for ref in self._objects.keys() - seen:
            self._remove(ref)
        self.version = version
        self._heard = time.monotonic()
        self.synced.set()
        self._on_version()

    async def _watch(self) -> None:
        async with aclosing(self._cluster.watch(self._kind, self._query, self.version)) as events:
            async for event in events:
                self._failures = 0
                self._apply(event)

    def _apply(self, event: WatchEvent[T]) -> None:
        self._heard = time.monotonic()
        if int(event.version) <= int(self.version):
            return  # told before
        self.version = event.version
        if event.object is not None:
            if event.change == "DELETED":
                self._remove(event.object.metadata.ref)
            else:
                self._put(event.object)
        self._on_version()

    def _put(self, new: T) -> None:
        ref = new.metadata.ref
        old = self._objects.get(ref)
        if old is not None and old.metadata.uid != new.metadata.uid:
            self._remove(ref)
            old = None
        if old is not None and old.metadata.resource_version == new.metadata.resource_version:
            return
        self._objects[ref] = self._keep(new)
        self._on_put(new, old)

    def _remove(self, ref: Ref) -> None:
        last = self._objects.pop(ref, None)
        if last is not None:
            self._on_remove(last)
