"""How reviews ended, counted: no label ever holds a value or a name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class Reviews:
    """The counter of all reviews; its labels are the path's word and the outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counter = Counter(
            "runtime_env_admission_reviews", "Admission reviews by outcome.", ("review", "outcome"), registry=registry
        )

    def of(self, review: str) -> Outcomes:
        """The outcomes of one kind of review (``inject``, ``seal``)."""
        return Outcomes(self._counter, review)


class Outcomes:
    """The counters of one kind of review, looked up once."""

    __slots__ = ("allowed", "denied", "malformed", "patched")

    def __init__(self, counter: Counter, review: str) -> None:
        self.allowed = counter.labels(review, "allowed")
        self.patched = counter.labels(review, "patched")
        self.denied = counter.labels(review, "denied")
        self.malformed = counter.labels(review, "malformed")
