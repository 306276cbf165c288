"""How reviews ended, counted: no label ever holds a value or a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

NAME: Final = "runtime_env_admission_reviews"


class Outcomes:
    """Of one kind of review. Plain numbers: all reviews are answered in one thread, and most in a few microseconds."""

    __slots__ = ("allowed", "denied", "malformed", "patched")

    def __init__(self) -> None:
        self.allowed = 0
        self.patched = 0
        self.denied = 0
        self.malformed = 0


class Reviews(Collector):
    """The counter of all reviews; its labels are the kind (``inject``, ``seal``) and the outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kinds: dict[str, Outcomes] = {}
        registry.register(self)

    def of(self, review: str) -> Outcomes:
        """The outcomes of one kind of review."""
        return self._kinds.setdefault(review, Outcomes())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """For the registry."""
        counter = CounterMetricFamily(NAME, "Admission reviews by outcome.", labels=("review", "outcome"))
        for review, outcomes in self._kinds.items():
            for outcome in Outcomes.__slots__:
                counter.add_metric((review, outcome), getattr(outcomes, outcome))
        yield counter
