"""How many objects there are of each reason, for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Generic, TypeVar

from runtimeenv.core.conditions import Reason

K = TypeVar("K")


class Tally(Generic[K]):
    """Counts as objects change, so that a scrape need not look at 100,000 of them."""

    def __init__(self) -> None:
        self._reasons: dict[K, Reason] = {}
        self._counts: Counter[Reason] = Counter()

    def put(self, key: K, reason: Reason) -> None:
        """What an object's reason is now."""
        before = self._reasons.get(key)
        if before == reason:
            return
        self._reasons[key] = reason
        self._counts[reason] += 1
        self._lower(before)

    def remove(self, key: K) -> None:
        """An object went."""
        self._lower(self._reasons.pop(key, None))

    def count(self, reasons: Iterable[Reason]) -> Iterable[tuple[Reason, int]]:
        """How many there are of each."""
        return ((reason, self._counts[reason]) for reason in reasons)

    def _lower(self, reason: Reason | None) -> None:
        if reason is not None:
            self._counts[reason] -= 1
            if not self._counts[reason]:
                del self._counts[reason]
