"""Writes of one variable come one after the other in a process, and start again where another process was first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from runtimeenv.core.identity import Identity
from runtimeenv.errors import Stale, Unavailable

ATTEMPTS: Final = 8
FIRST_DELAY: Final = 0.01
"""Seconds, at most, before the second attempt; doubles."""
LONGEST: Final = 60.0
"""Seconds that a write waits for those before it."""

R = TypeVar("R")


class Turns:
    """Who writes which variable now. A lock exists as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Identity, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, identity: Identity) -> AsyncIterator[None]:
        """Nobody else writes it in the block. Raises Unavailable where the turn does not come."""
        lock = self._locks.setdefault(identity, asyncio.Lock())
        try:
            async with asyncio.timeout(LONGEST):
                await lock.acquire()
        except TimeoutError:
            raise Unavailable(0, "write after others") from None
        try:
            yield
        finally:
            lock.release()


async def attempted(attempt: Callable[[], Awaitable[R]]) -> R:
    """What an attempt returns that no other write overtook. Raises Unavailable where each is overtaken."""
    for number in range(ATTEMPTS):
        try:
            return await attempt()
        except Stale:
            await asyncio.sleep(random.uniform(0, FIRST_DELAY * 2**number))  # noqa: S311 - spreads the load
    raise Unavailable(409, "write what others write all the time")
