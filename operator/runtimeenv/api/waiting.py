"""Waiting until a number has grown: the watch's version, or the generation at which a variable has settled.

Each waiter names its own level and is woken once, when that is reached: 200 of them cost no more than 200 wake-ups.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from itertools import count
from typing import Final

FOREVER: Final = 1 << 63
"""A level above every version and generation: what was waited for is gone."""

_Place = tuple[int, int, asyncio.Future[None]]


class Levels:
    """Waiters for a growing number, sorted by what they wait for."""

    def __init__(self, level: int = 0) -> None:
        self.level = level
        self._waiting: list[_Place] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def reach(self, level: int) -> None:
        """The number is this now; it may also fall, when the cluster was restored."""
        self.level = level
        due = bisect_left(self._waiting, (level + 1,))
        for _, _, future in self._waiting[:due]:
            if not future.done():
                future.set_result(None)
        del self._waiting[:due]

    async def reached(self, level: int, patience: float) -> bool:
        """Wait until the number is at least this; False after so many seconds."""
        if level <= self.level:
            return True
        place: _Place = (level, next(self._order), asyncio.get_running_loop().create_future())
        insort(self._waiting, place)
        try:
            async with asyncio.timeout(patience):
                await place[2]
        except TimeoutError:
            return False
        finally:
            self._leave(place)
        return True

    def _leave(self, place: _Place) -> None:
        at = bisect_left(self._waiting, place)
        if at < len(self._waiting) and self._waiting[at] is place:
            del self._waiting[at]
