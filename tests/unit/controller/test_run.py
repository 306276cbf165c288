"""The process of the controller: what it waits for, and how it ends. kopf's part is a stand-in."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from runtimeenv.cli.logs import JsonLines
from runtimeenv.cluster.kinds import LEASES, RUNTIME_ENV_VARS, SECRETS
from runtimeenv.cluster.lease import Lease
from runtimeenv.controller import handlers
from runtimeenv.controller.run import Controller
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Unavailable
from runtimeenv.settings import Settings
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.controller.world import sealed

SETTINGS = Settings(bind_address="127.0.0.1", probe_port=0, certificates="external", identity="me")
LEASE = Ref(SETTINGS.namespace, "runtime-env-controller")
CANARY = "canary-3f9a1c77d2"

Kopf = Callable[[Any, Any, Callable[[], None]], Awaitable[None]]


async def for_ever(_offer: Any, _malformed: Any, started: Callable[[], None]) -> None:
    """As kopf does: it takes the signals, until it has started."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    started()
    await asyncio.Event().wait()


async def ending(_offer: Any, _malformed: Any, started: Callable[[], None]) -> None:
    started()


async def failing(_offer: Any, _malformed: Any, _started: Callable[[], None]) -> None:
    raise ValueError(CANARY)


@asynccontextmanager
async def running(
    monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster, kopf: Kopf = for_ever, **settings: Any
) -> AsyncIterator[tuple[Controller, asyncio.Task[int]]]:
    monkeypatch.setattr(handlers, "serve", kopf)
    controller = Controller(cluster, replace(SETTINGS, **settings))
    task = asyncio.create_task(controller.run())
    try:
        yield controller, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


def holder(cluster: FakeCluster) -> str:
    found = cluster.store.get(LEASES, LEASE) or {"spec": {}}
    return str(found["spec"].get("holderIdentity", ""))


async def test_a_signal_ends_a_leader_in_order_and_frees_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(namespace("acme", "acme"))
    async with running(monkeypatch, cluster) as (controller, task):
        await until(lambda: holder(cluster) == "me" and controller._waiting_for() == "")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 20) == 0
        assert holder(cluster) == ""


async def test_a_signal_ends_a_standby_that_is_ready_while_another_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    await Lease(cluster, LEASE, "other").acquire()
    async with running(monkeypatch, cluster) as (standby, task):
        await until(lambda: standby._waiting_for() == "")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 20) == 0
    assert holder(cluster) == "other"


async def test_a_failure_ends_the_process_and_is_named_without_its_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster()
    async with running(monkeypatch, cluster, failing) as (_, task):
        assert await asyncio.wait_for(task, 20) == 1
    (record,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["error"]) == ("stopped by a failure", "ValueError")
    assert any("failing" in place for place in line["trace"])
    assert CANARY not in str(line)
    assert holder(cluster) == ""


async def test_the_end_of_kopf_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    async with running(monkeypatch, cluster, ending) as (_, task):
        assert await asyncio.wait_for(task, 20) == 1
    assert holder(cluster) == ""


async def test_a_failure_to_ask_for_the_lease_never_makes_a_leader(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster()
    cluster.faults.fail(ValueError(CANARY), kind="leases", verb="get")  # type: ignore[arg-type]
    async with running(monkeypatch, cluster) as (_, task):
        assert await asyncio.wait_for(task, 20) == 1
    assert not [c for c in cluster.calls if c.kind != "leases"]
    assert any(r.levelno == logging.CRITICAL for r in caplog.records)


async def test_a_leader_that_loses_its_lease_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    async with running(monkeypatch, cluster) as (controller, task):
        await until(lambda: controller._waiting_for() == "")
        found = cluster.read(LEASES, LEASE)
        cluster.apply({**found, "spec": {**found["spec"], "holderIdentity": "other"}})
        assert await asyncio.wait_for(task, 20) == 1
        assert holder(cluster) == "other"


async def test_it_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(namespace("acme", "acme"), sealed("acme/x", "v"))
    async with running(monkeypatch, cluster) as (controller, _):
        await until(lambda: "keyring is missing" in controller._waiting_for())
        assert not cluster.writes(SECRETS)
        cluster.remove(RUNTIME_ENV_VARS, Ref("acme", "x"))
        await until(lambda: controller._waiting_for() == "")


async def test_an_api_server_without_our_kinds_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    cluster.faults.fail(Unavailable(503, "list"), verb="list", kind="runtimeenvvars")
    async with running(monkeypatch, cluster) as (controller, _):
        await until(lambda: "CRDs" in controller._waiting_for())
        await until(lambda: controller._waiting_for() == "")


async def test_the_first_certificate_comes_after_the_keys_that_the_webhook_is_to_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = FakeCluster()
    async with running(monkeypatch, cluster, certificates="controller"):
        await until(lambda: cluster.store.get(SECRETS, Ref(SETTINGS.namespace, names.SERVING_SECRET)))
    made = [call.ref.name for call in cluster.writes() if call.verb == "create"]
    keys = (names.KEYRING_SECRET, names.COMPARE_KEYS_SECRET, names.PUBLIC_KEY_CONFIG_MAP)
    assert max(made.index(key) for key in keys) < made.index(names.SERVING_SECRET)


async def test_a_keyring_that_is_lost_holds_no_certificate_back(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(namespace("acme", "acme"), sealed("acme/x", "v"))
    async with running(monkeypatch, cluster, certificates="controller") as (controller, _):
        await until(lambda: cluster.store.get(SECRETS, Ref(SETTINGS.namespace, names.SERVING_SECRET)))
        assert "is missing" in controller._waiting_for()
