"""A rate that fan-out keeps to, so that one change of a tenant's does not flood the API server (design §7)."""

from __future__ import annotations

import asyncio


class Limiter:
    """At most ``rate`` turns a second, after a burst of as many. First come, first served."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate
        self._burst = 1.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for a turn."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now - self._burst) + self._gap
        if self._next > now:
            await asyncio.sleep(self._next - now)
