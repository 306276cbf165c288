"""What every process counts. No label ever holds a value, a NAME, an object's name or a tenant.

Plain numbers, read when somebody scrapes: each process works in one thread, and a metric library's own counters would
cost more than what they count.
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from runtimeenv import __version__
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.serving.tls import Certificates

PREFIX: Final = "runtime_env_"
CAN_SEAL: Final = "1 when the keys are there that sealing needs."

Measure = Callable[[], Iterable[Metric]]


class Measured(Collector):
    """The metrics of these functions, each asked at every scrape."""

    def __init__(self, registry: CollectorRegistry, *measures: Measure) -> None:
        self._measures = measures
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        for measure in self._measures:
            yield from measure()


class Durations:
    """How long something took, in buckets up to each bound and one above all: seconds."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def add_to(self, family: HistogramMetricFamily, labels: tuple[str, ...]) -> None:
        """As a histogram has them: each bucket holds those below it, too."""
        names = (*map(str, self._bounds), "+Inf")
        buckets = list(zip(names, map(float, accumulate(self._counts)), strict=True))
        family.add_metric(labels, buckets, self._total)


class ClusterRequests:
    """Requests to the API server, by method and status; 0 where none answered."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()

    def count(self, method: str, status: int) -> None:
        """One request."""
        self._answers[method, status] += 1

    def measure(self) -> Iterator[Metric]:
        """See Measured."""
        family = CounterMetricFamily(
            PREFIX + "cluster_requests", "Requests to the API server by method and status.", labels=("method", "status")
        )
        for (method, status), count in self._answers.items():
            family.add_metric((method, str(status)), count)
        yield family


def process_registry(*measures: Measure) -> CollectorRegistry:
    """A registry with what there is to say of any process."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector):
        collector(registry=registry)
    Measured(registry, _build, *measures)
    return registry


def gauge(name: str, text: str, value: Callable[[], float | None]) -> Measure:
    """One number without labels; left out while it is None."""

    def measure() -> Iterator[Metric]:
        if (found := value()) is not None:
            yield GaugeMetricFamily(PREFIX + name, text, found)

    return measure


def certificate_expiry(certificates: Certificates) -> Measure:
    """When the serving certificate ends that new connections get."""
    text = "When the serving certificate ends that is in use, in seconds since 1970."
    return gauge("certificate_expiry_timestamp_seconds", text, lambda: certificates.expires)


def watches(reflectors: Mapping[str, Reflector[Any]]) -> Measure:
    """How old the mirrors are, and how much they hold; one that never was complete says nothing."""

    def measure() -> Iterator[Metric]:
        age = GaugeMetricFamily(
            PREFIX + "watch_age_seconds", "Since the API server last told anything, at least once a minute.",
            labels=("watch",),
        )  # fmt: skip
        objects = GaugeMetricFamily(PREFIX + "watch_objects", "Objects that the process knows.", labels=("watch",))
        for name, reflector in reflectors.items():
            if reflector.synced.is_set():
                age.add_metric((name,), reflector.age)
                objects.add_metric((name,), len(reflector.objects))
        yield from (age, objects)

    return measure


def _build() -> Iterator[Metric]:
    family = GaugeMetricFamily(PREFIX + "build_info", "The release that runs.", labels=("version", "python"))
    family.add_metric((__version__, platform.python_version()), 1)
    yield family
