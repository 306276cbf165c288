"""Keyed work: serialized per key, coalesced, retried with back-off. No I/O of its own.

An offer while a key is queued replaces its item; an offer while it runs makes it run once more, since a run that began
before the offer does not satisfy it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from runtimeenv.errors import Rejected, RuntimeEnvError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FIRST_BACKOFF: Final = 0.25
LONGEST_BACKOFF: Final = 300.0
"""Seconds. Policies, quotas and terminating namespaces heal at somebody else's pace (design §3, WriteRefused)."""
UNAVAILABLE_BACKOFF: Final = 15.0
"""Seconds; the longest wait for an API server or a KEK that is away."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry(Generic[V]):
    item: V | None
    running: bool = False
    again: bool = False
    replaced: bool = False
    failures: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Queue(Generic[K, V]):
    """Runs ``work(key, item)`` for each offered key, at most ``workers`` at once.

    ``work`` returns None when the key is done, or the seconds after which to run it again with the same item.
    ``interval``: seconds that a key rests after a run before the next one starts, so that a burst is written once.
    """

    def __init__(
        self, work: Callable[[K, V | None], Awaitable[float | None]], *, workers: int = 16, interval: float = 0.0
    ) -> None:
        self._work = work
        self._workers = workers
        self._interval = interval
        self._entries: dict[K, _Entry[V]] = {}
        self._rested: dict[K, float] = {}
        self._due: asyncio.Queue[K] = asyncio.Queue()

    def __len__(self) -> int:
        return len(self._entries)

    def refresh(self, key: K, item: V) -> None:
        """What a run made of its item: held instead of it, unless a newer one was offered meanwhile."""
        entry = self._entries.get(key)
        if entry is not None and entry.running and not entry.replaced:
            entry.item = item

    def offer(self, key: K, item: V | None = None, *, after: float = 0.0) -> None:
        """Have a key run. Without an item the one that the queue holds stays; an earlier time wins over a later one."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(item)
            self._schedule(key, entry, max(after, self._rest(key)))
            return
        if item is not None:
            entry.item, entry.replaced = item, True
        if entry.running:
            entry.again = True
        elif entry.timer is not None and entry.timer.when() > asyncio.get_running_loop().time() + after:
            entry.timer.cancel()
            self._schedule(key, entry, max(after, self._rest(key)))

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())

    def _rest(self, key: K) -> float:
        left = self._rested.get(key, 0.0) - asyncio.get_running_loop().time()
        if left <= 0:
            self._rested.pop(key, None)
        return left

    def _let_rest(self, key: K) -> None:
        """Note a key's rest; those that are over go, the oldest first."""
        now = asyncio.get_running_loop().time()
        self._rested.pop(key, None)
        self._rested[key] = now + self._interval
        while (oldest := next(iter(self._rested))) != key and self._rested[oldest] <= now:
            del self._rested[oldest]

    def _schedule(self, key: K, entry: _Entry[V], after: float) -> None:
        if after <= 0:
            entry.timer = None
            self._due.put_nowait(key)
        else:
            entry.timer = asyncio.get_running_loop().call_later(after, self._ripe, key, entry)

    def _ripe(self, key: K, entry: _Entry[V]) -> None:
        entry.timer = None
        self._due.put_nowait(key)

    async def _worker(self) -> None:
        while True:
            key = await self._due.get()
            entry = self._entries[key]
            entry.running, entry.again, entry.replaced = True, False, False
            after = await self._attempt(key, entry)
            entry.running = False
            if self._interval:
                self._let_rest(key)
            if entry.again:
                self._schedule(key, entry, self._rest(key))
            elif after is not None:
                self._schedule(key, entry, after)
            else:
                del self._entries[key]

    async def _attempt(self, key: K, entry: _Entry[V]) -> float | None:
        try:
            after = await self._work(key, entry.item)
        except RuntimeEnvError as error:
            entry.failures += 1
            after = _backoff(error, entry.failures)
            log.warning("retried", extra={"ref": str(key), "reason": type(error).__name__})
        except Exception as error:
            # The class alone: a message or traceback of foreign code may carry what it worked on.
            entry.failures += 1
            after = _backoff(error, entry.failures)
            log.error("failed", extra={"ref": str(key), "reason": type(error).__name__})
        else:
            entry.failures = 0
        return after


def _backoff(error: Exception, failures: int) -> float:
    if isinstance(error, Rejected):
        return LONGEST_BACKOFF
    longest = UNAVAILABLE_BACKOFF if isinstance(error, RuntimeEnvError) else LONGEST_BACKOFF
    return float(min(FIRST_BACKOFF * 2 ** min(failures - 1, 16), longest))
