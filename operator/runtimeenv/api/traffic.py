"""Requests in numbers: no label ever holds a path, a tenant, a key or a name."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from runtimeenv.serving.metrics import Durations

PREFIX: Final = "runtime_env_api_"
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


class Traffic(Collector):
    """Plain numbers: all requests are answered in one thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._durations: dict[str, Durations] = {}
        registry.register(self)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request. ``route`` is the path's template, ``method`` one that the parser knows."""
        key = (route, method, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = Durations(BOUNDS)
        durations.add(seconds)

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        requests = CounterMetricFamily(
            PREFIX + "requests", "Requests by route, method and status.", labels=("route", "method", "status")
        )
        for (route, method, status), count in self._requests.items():
            requests.add_metric((route, method, str(status)), count)
        yield requests
        yield self._seconds()
        yield CounterMetricFamily(
            PREFIX + "unauthenticated", "Requests without a good API key.", self._of(HTTPStatus.UNAUTHORIZED)
        )
        yield CounterMetricFamily(
            PREFIX + "rate_limited", "Requests beyond a rate limit.", self._of(HTTPStatus.TOO_MANY_REQUESTS)
        )

    def _seconds(self) -> HistogramMetricFamily:
        seconds = HistogramMetricFamily(
            PREFIX + "request_seconds", "From a request's header to the end of its answer.", labels=("route",)
        )
        for route, durations in self._durations.items():
            durations.add_to(seconds, (route,))
        return seconds

    def _of(self, status: int) -> int:
        return sum(count for (_, _, found), count in self._requests.items() if found == status)
