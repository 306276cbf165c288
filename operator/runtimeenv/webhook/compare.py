"""Does a sealed text hold this value already? Asked so that applying the same manifest again writes nothing.

Each question is a guess that somebody may be making: a tag answers ten wrong ones a minute, then none (design §5.1).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.compare import verify
from runtimeenv.crypto.seal import SealedValue

MISMATCHES: Final = 10
WINDOW: Final = 60.0


class Comparer:
    """Compares, and counts the mismatches of each tag in this replica."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mismatches: dict[bytes, deque[float]] = {}

    def holds(self, sealed: SealedValue, key: bytes, identity: Identity, value: Plaintext) -> bool:
        """Does the sealed text hold the value, by its tag and that tag's key? A tag that answers no more says False."""
        if sealed.compare is None or not self._answers(sealed.compare.tag):
            return False
        if verify(sealed.compare, key, identity, sealed.preceding, value):
            return True
        # At the end again: the mismatches stay in the order of their last times.
        times = self._mismatches.pop(sealed.compare.tag, deque(maxlen=MISMATCHES))
        times.append(self._clock())
        self._mismatches[sealed.compare.tag] = times
        return False

    def _answers(self, tag: bytes) -> bool:
        past = self._clock() - WINDOW
        self._forget(past)
        times = self._mismatches.get(tag)
        return times is None or len(times) < MISMATCHES or times[0] <= past

    def _forget(self, past: float) -> None:
        """Drop the tags without a mismatch since: so memory is bound by the rate of writes."""
        while self._mismatches:
            tag, times = next(iter(self._mismatches.items()))
            if times[-1] > past:
                return
            del self._mismatches[tag]
