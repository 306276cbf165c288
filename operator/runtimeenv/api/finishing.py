"""Work that goes on to its end even if its client goes: nothing stays half-done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from runtimeenv.errors import Unavailable

ALL: Final = 2000
"""Under way at once: while the cluster is slow, clients that go and come again would fill the memory."""
EACH: Final = 500
"""Of one tenant's."""

R = TypeVar("R")


class Finishing:
    """Tasks that nobody may be waiting for any more."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], str] = {}
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._running)

    async def finish(self, tenant: str, work: Coroutine[Any, Any, R]) -> R:
        """What the work returns or raises; cancelling the caller leaves it running. Raises Unavailable at the limit."""
        if len(self._running) >= ALL or self._of[tenant] >= EACH:
            work.close()
            raise Unavailable(429, "write while so many writes are under way")
        task = asyncio.create_task(work)
        self._running[task] = tenant
        self._of[tenant] += 1
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        tenant = self._running.pop(task)
        self._of[tenant] -= 1
        if not self._of[tenant]:
            del self._of[tenant]
        if not task.cancelled():
            task.exception()  # nobody else may look at it
