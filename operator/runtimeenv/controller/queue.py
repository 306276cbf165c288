"""Keyed work: serialized per key, coalesced, retried with back-off. No I/O of its own.

An offer while a key is queued replaces its item; an offer while it runs makes it run once more, since a run that began
before the offer does not satisfy it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from runtimeenv.errors import Rejected, RuntimeEnvError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FIRST_BACKOFF: Final = 0.25
LONGEST_BACKOFF: Final = 300.0
"""Seconds. Policies, quotas and terminating namespaces heal at somebody else's pace (design §3, WriteRefused)."""
TURN: Final = 64
"""Keys of one group in a row."""
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
    since: float = 0.0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Turns(asyncio.Queue[K]):
    """Keys in the order of their groups' turns, `TURN` keys each; within a group, first come, first served.

    What belongs together is done together, and a group with few keys does not wait for all of one with many.
    """

    def __init__(self, group: Callable[[K], Hashable]) -> None:
        self._group = group
        super().__init__()

    # The three that asyncio.Queue leaves to its children, such as PriorityQueue.

    def _init(self, maxsize: int) -> None:  # noqa: ARG002 - asyncio's signature
        self._queue: OrderedDict[Hashable, deque[K]] = OrderedDict()
        self._taken = 0

    def _put(self, item: K) -> None:
        self._queue.setdefault(self._group(item), deque()).append(item)

    def hold(self, group: Hashable) -> bool:
        """Does any key of this group wait?"""
        return group in self._queue

    def _get(self) -> K:
        group, keys = next(iter(self._queue.items()))
        key = keys.popleft()
        self._taken += 1
        if not keys:
            del self._queue[group]
            self._taken = 0
        elif self._taken >= TURN:
            self._queue.move_to_end(group)
            self._taken = 0
        return key


def _together(_key: Hashable) -> Hashable:
    return None


class Queue(Generic[K, V]):
    """Runs ``work(key, item)`` for each offered key, at most ``workers`` at once.

    ``work`` returns None when the key is done, or the seconds after which to run it again with the same item.
    ``group``: whose keys are done together, in turns with the other groups'; by default all are one group.
    ``interval``: seconds that a key rests after a run before the next one starts, so that a burst is written once.
    """

    def __init__(
        self,
        work: Callable[[K, V | None], Awaitable[float | None]],
        *,
        workers: int = 16,
        interval: float = 0.0,
        group: Callable[[K], Hashable] = _together,
    ) -> None:
        self._work = work
        self._workers = workers
        self._interval = interval
        self._entries: dict[K, _Entry[V]] = {}
        self._rested: dict[K, float] = {}
        self._group = group
        self._due = Turns(group)
        self._running: Counter[Hashable] = Counter()
        self.runs = 0
        self.errors: Counter[str] = Counter()
        """Failed runs, by the class of the failure."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def due(self) -> int:
        """How many keys are due or running; those that wait for a time, such as a distant retry, don't count."""
        return sum(entry.timer is None for entry in self._entries.values())

    @property
    def oldest(self) -> float:
        """Seconds since the first of them is due; 0 without any."""
        due = [entry.since for entry in self._entries.values() if entry.timer is None]
        return asyncio.get_running_loop().time() - min(due) if due else 0.0

    def works_on(self, group: Hashable) -> bool:
        """Is any key of this group due or running? Those that wait for a time don't count."""
        return self._due.hold(group) or group in self._running

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
            self._ripe(key, entry)
        else:
            entry.timer = asyncio.get_running_loop().call_later(after, self._ripe, key, entry)

    def _ripe(self, key: K, entry: _Entry[V]) -> None:
        entry.timer = None
        entry.since = asyncio.get_running_loop().time()
        self._due.put_nowait(key)

    async def _worker(self) -> None:
        while True:
            key = await self._due.get()
            entry = self._entries[key]
            entry.running, entry.again, entry.replaced = True, False, False
            with self._counted(self._group(key)):
                after = await self._attempt(key, entry)
            entry.running = False
            self.runs += 1
            if self._interval:
                self._let_rest(key)
            if entry.again:
                self._schedule(key, entry, self._rest(key))
            elif after is not None:
                self._schedule(key, entry, after)
            else:
                del self._entries[key]

    @contextmanager
    def _counted(self, group: Hashable) -> Iterator[None]:
        self._running[group] += 1
        try:
            yield
        finally:
            self._running[group] -= 1
            if not self._running[group]:
                del self._running[group]

    async def _attempt(self, key: K, entry: _Entry[V]) -> float | None:
        try:
            after = await self._work(key, entry.item)
        except RuntimeEnvError as error:
            after = self._failed(entry, error)
            log.warning("retried", extra={"ref": str(key), "reason": f"{type(error).__name__}: {error}"})
        except Exception as error:
            # The class alone: a message or traceback of foreign code may carry what it worked on.
            after = self._failed(entry, error)
            log.error("failed", extra={"ref": str(key), "reason": type(error).__name__})
        else:
            entry.failures = 0
        return after

    def _failed(self, entry: _Entry[V], error: Exception) -> float:
        entry.failures += 1
        self.errors[type(error).__name__] += 1
        return _backoff(error, entry.failures)


def _backoff(error: Exception, failures: int) -> float:
    if isinstance(error, Rejected):
        return LONGEST_BACKOFF
    longest = UNAVAILABLE_BACKOFF if isinstance(error, RuntimeEnvError) else LONGEST_BACKOFF
    return float(min(FIRST_BACKOFF * 2 ** min(failures - 1, 16), longest))
