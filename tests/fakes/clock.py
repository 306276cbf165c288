"""An event loop whose time passes only when every task waits: sleeps cost nothing, and tests of time are exact."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

LONGEST = 24 * 3600.0


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code that awaits no sockets, threads or child processes. Raises where all would wait for ever."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Waiting(self._advance))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def _advance(self, seconds: float | None) -> None:
        if seconds is None:
            raise RuntimeError("deadlock: every task waits, and no timer is set")
        # A timer is due when now + the clock's resolution reaches it: a little more never lets it starve.
        self._now += seconds + 1e-9
        if self._now > LONGEST:
            raise RuntimeError(f"the test waited {LONGEST:.0f} virtual seconds in vain")


class _Waiting(selectors.DefaultSelector):
    def __init__(self, advance: Callable[[float | None], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self._advance(timeout)
        return ready
