"""What the controller tells of its work: variables and RuntimeEnvs by reason, its queues, and whether it leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from runtimeenv.controller.queue import Queue
from runtimeenv.controller.tally import Tally
from runtimeenv.core.conditions import Reason
from runtimeenv.serving.metrics import PREFIX, Measure

REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


def by_reason(name: str, text: str, tally: Tally[Any]) -> Measure:
    """Objects by the reason of their condition Ready; every reason is there, so that an alert can see it come."""

    def measure() -> Iterator[Metric]:
        family = GaugeMetricFamily(PREFIX + name, text, labels=("reason",))
        for reason, count in tally.count(REASONS):
            family.add_metric((reason,), count)
        yield family

    return measure


def queues(named: Mapping[str, Queue[Any, Any]]) -> Measure:
    """Depth, age and failures of each queue."""

    def measure() -> Iterator[Metric]:
        depth = GaugeMetricFamily(PREFIX + "queue_keys", "Objects that are due or being worked on.", labels=("queue",))
        oldest = GaugeMetricFamily(
            PREFIX + "queue_oldest_seconds", "Since the one of them that waits longest is due.", labels=("queue",)
        )
        runs = CounterMetricFamily(PREFIX + "reconciles", "Finished runs, failed ones included.", labels=("queue",))
        errors = CounterMetricFamily(
            PREFIX + "reconcile_errors", "Runs that failed and are repeated, by failure.", labels=("queue", "error")
        )
        for name, queue in named.items():
            depth.add_metric((name,), queue.due)
            oldest.add_metric((name,), queue.oldest)
            runs.add_metric((name,), queue.runs)
            for error, count in queue.errors.items():
                errors.add_metric((name, error), count)
        yield from (depth, oldest, runs, errors)

    return measure
