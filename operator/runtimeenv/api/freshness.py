"""How old is what reads are answered from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Never

from runtimeenv.cluster.reflector import Reflector

EVERY: Final = 0.5
"""Seconds between looks: a watch that is up tells nothing for a minute, one that is down is seen at the next look."""


class Freshness:
    """Watches that are up are fresh; ``polled`` says how many seconds ago the API server last answered a poll."""

    def __init__(
        self,
        watches: Iterable[Reflector[Any]],
        polled: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watches = tuple(watches)
        self._polled = polled
        self._clock = clock
        self._up = clock()

    def age(self) -> float:
        """Seconds since everything was known to be as the cluster had it."""
        return max(self._polled(), self._clock() - self._up)

    def look(self) -> None:
        """Note the time if no watch is broken."""
        if all(watch.version for watch in self._watches):
            self._up = self._clock()

    async def follow(self) -> Never:
        """Look again and again."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)
