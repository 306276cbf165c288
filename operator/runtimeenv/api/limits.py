"""How often one key, or one address, may ask: a token bucket each, in this replica."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

BURST: Final = 2.0
"""Seconds of the rate that may come at once."""
REMEMBERED: Final = 100_000
"""Who is remembered at most; beyond, the one that asked least recently begins anew."""

_ROUNDING: Final = 1e-9


class Limiter:
    """``rate`` requests a second for each, and `BURST` seconds' worth at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic, remembered: int = REMEMBERED) -> None:
        self._each = 1 / rate
        self._window = max(BURST, self._each)
        self._clock = clock
        self._remembered = remembered
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When each bucket is full again, the least recently asked first."""

    def take(self, who: str) -> float:
        """Seconds to wait until there is a request left for ``who``; 0 takes it."""
        now = self._clock()
        full_at = max(self._full_at.pop(who, now), now) + self._each
        wait = full_at - now - self._window
        if wait > _ROUNDING:
            self._full_at[who] = full_at - self._each
            return wait
        self._full_at[who] = full_at
        if len(self._full_at) > self._remembered:
            self._full_at.popitem(last=False)  # a dict would go over all that left before
        return 0.0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._full_at)


def neighbourhood(address: str) -> str:
    """Who is counted as one: an IPv4 address; of an IPv6 address its /64, which one customer has whole (RFC 6177)."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
