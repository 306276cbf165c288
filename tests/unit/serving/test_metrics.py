"""What every process counts, as a scrape shows it."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily

from runtimeenv import __version__
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.serving.metrics import ClusterRequests, Durations, Measured, gauge, process_registry, watches
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster


def test_a_duration_counts_in_every_bucket_that_it_fits_in() -> None:
    durations, family = Durations((0.1, 1.0)), HistogramMetricFamily("seconds", "", labels=("route",))
    for seconds in (0.1, 0.5, 7.0):
        durations.add(seconds)
    durations.add_to(family, ("/",))
    found = {(s.name, s.labels.get("le", "")): s.value for s in family.samples}
    buckets = {("seconds_bucket", "0.1"): 1.0, ("seconds_bucket", "1.0"): 2.0, ("seconds_bucket", "+Inf"): 3.0}
    assert found == {**buckets, ("seconds_count", ""): 3.0, ("seconds_sum", ""): 7.6}


def test_requests_are_counted_by_method_and_status() -> None:
    requests = ClusterRequests()
    registry = process_registry(requests.measure)
    for status in (200, 200, 0):
        requests.count("GET", status)
    found = [
        registry.get_sample_value("runtime_env_cluster_requests_total", {"method": "GET", "status": status})
        for status in ("200", "0")
    ]
    assert found == [2.0, 1.0]


def test_every_process_tells_its_release() -> None:
    [metric] = [found for found in process_registry().collect() if found.name == "runtime_env_build_info"]
    [sample] = metric.samples
    assert sample.labels["version"] == __version__


def test_a_number_that_is_not_known_yet_is_left_out() -> None:
    registry = CollectorRegistry()
    Measured(registry, gauge("known", "", lambda: 1.5), gauge("unknown", "", lambda: None))
    assert [metric.name for metric in registry.collect()] == ["runtime_env_known"]


async def test_a_mirror_that_was_complete_tells_its_age_and_size() -> None:
    mirror = Reflector(FakeCluster(namespace("acme")), NAMESPACES, Query(), lambda _new, _old: None, lambda _last: None)
    registry = process_registry(watches({"namespaces": mirror}))

    def told(what: str) -> float | None:
        return registry.get_sample_value(f"runtime_env_watch_{what}", {"watch": "namespaces"})

    assert (told("objects"), told("age_seconds")) == (None, None)
    running = asyncio.create_task(mirror.run())
    await mirror.synced.wait()
    assert told("objects") == 1.0
    age = told("age_seconds")
    assert age is not None
    assert 0.0 <= age < 20.0
    running.cancel()
