"""How reviews ended, counted: no label ever holds a value or a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from runtimeenv.serving.metrics import Durations

NAME: Final = "runtime_env_admission_reviews"
SECONDS: Final = "runtime_env_admission_review_seconds"
KINDS: Final = ("allowed", "denied", "failed", "malformed", "patched")
BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)
"""Seconds: most reviews take less than the first two, and a GET of a namespace is given up after one second."""


class Outcomes:
    """Of one kind of review. Plain numbers: all reviews are answered in one thread, and most in a few microseconds."""

    __slots__ = (*KINDS, "durations")

    def __init__(self) -> None:
        self.allowed = 0
        self.patched = 0
        self.denied = 0
        self.malformed = 0
        self.failed = 0
        self.durations = Durations(BOUNDS)


class Reviews(Collector):
    """All reviews by kind (``inject``, ``seal``) and outcome, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kinds: dict[str, Outcomes] = {}
        registry.register(self)

    def of(self, review: str) -> Outcomes:
        """The outcomes of one kind of review."""
        return self._kinds.setdefault(review, Outcomes())

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        counter = CounterMetricFamily(NAME, "Admission reviews by outcome.", labels=("review", "outcome"))
        for review, outcomes in self._kinds.items():
            for outcome in KINDS:
                counter.add_metric((review, outcome), getattr(outcomes, outcome))
        yield counter
        seconds = HistogramMetricFamily(
            SECONDS, "From a review's last byte to its answer, that of a namespace's included.", labels=("review",)
        )
        for review, outcomes in self._kinds.items():
            outcomes.durations.add_to(seconds, (review,))
        yield seconds
