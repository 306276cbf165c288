"""The controller's process: probes at once, work once the Lease is ours, the views complete and the keyring open."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import uvloop

from runtimeenv.cluster.client import connect
from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, RUNTIME_ENVS
from runtimeenv.cluster.lease import Lease
from runtimeenv.cluster.protocol import Cluster, Query
from runtimeenv.controller import handlers
from runtimeenv.controller.certifying import Certifying
from runtimeenv.controller.keys import Keys
from runtimeenv.controller.publishing import Publishing
from runtimeenv.controller.watching import Watching
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import ClusterError, RuntimeEnvError
from runtimeenv.serving.metrics import ClusterRequests, Measure, gauge, process_registry
from runtimeenv.serving.probes import probe_server
from runtimeenv.settings import Settings

LEASE: Final = "runtime-env-controller"
TRY_AGAIN: Final = 2.0

T = TypeVar("T")

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT, or until the Lease is lost; the exit code."""
    return uvloop.run(_run(settings))


async def _run(settings: Settings) -> int:
    requests = ClusterRequests()
    async with connect(count=requests.count) as cluster:
        return await Controller(cluster, settings, requests.measure).run()


class Controller:
    """One replica: a standby until the Lease is its own."""

    def __init__(self, cluster: Cluster, settings: Settings, *measures: Measure) -> None:
        self._cluster = cluster
        self._settings = settings
        self._lease = Lease(cluster, Ref(settings.namespace, LEASE), settings.identity)
        self._missing = "the Lease"
        self._leading = False
        self._stop = asyncio.Event()
        self._keys_tried = asyncio.Event()
        self._certified = asyncio.Event()
        self._watching = Watching(cluster, settings, _now)
        leader = gauge("leader", "1 for the replica that holds the Lease.", lambda: self._leading)
        self._registry = process_registry(*measures, leader, *self._watching.measures())

    async def run(self) -> int:
        """Serve probes, wait for the Lease, lead. Whatever ends leading ends the process."""
        probes = probe_server(self._waiting_for, self._registry)
        await probes.start(self._settings.bind_address, self._settings.probe_port)
        self._heed_signals()
        stopped = asyncio.create_task(self._stop.wait())
        try:
            acquiring = asyncio.create_task(self._lease.acquire())
            if await _first(stopped, acquiring):
                return 1
            if acquiring.cancelled():
                return 0
            self._leading = True
            log.info("leading", extra={"ref": LEASE})
            keeping = asyncio.create_task(self._lease.keep())
            failed = await _first(stopped, keeping, asyncio.create_task(self._lead()))
            return 0 if keeping.cancelled() and not failed else 1
        finally:
            stopped.cancel()
            await self._lease.release()
            await probes.drain(0, 0)

    def _heed_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)

    def _waiting_for(self) -> str:
        """A standby is ready when it reaches the API server: else no rolling update would end."""
        if not self._leading:
            return "" if self._lease.reachable else "the API server"
        return self._missing

    async def _lead(self) -> None:
        self._missing = "the two kinds: install the CRDs"
        await self._served()
        async with asyncio.TaskGroup() as group:
            if self._settings.certificates == "controller":
                group.create_task(self._certify())
            else:
                self._certified.set()
            self._missing = "the first lists"
            group.create_task(self._watching.run())
            await self._watching.synced()
            self._missing = "the keyring"
            keyring, publishing = await self._open()
            group.create_task(publishing.run())
            self._missing = "the serving certificate"
            await self._certified.wait()
            self._watching.stages.start(keyring)
            self._watching.start()
            group.create_task(self._watching.stages.run())
            group.create_task(self._watching.on_demand.run())
            self._missing = ""
            _collect_rarely()
            log.info("ready")
            stages = self._watching.stages
            await handlers.serve(stages.offer, stages.malformed, self._heed_signals)
            raise _Ended

    async def _certify(self) -> None:
        """The first certificate comes after the keys: it starts the webhook's pods, and the kubelet looks for keys just
        then, and a minute later. Where there is one, nothing is waited for: it may have to be trusted again at once.
        """
        certifying = Certifying(self._cluster, self._settings, _now)
        if not await _retried(certifying.begun):
            await self._keys_tried.wait()
        await _retried(certifying.renew)
        self._certified.set()
        await certifying.run()

    async def _served(self) -> None:
        """kopf only warns once of a kind that is not served: wait for both."""
        for kind in (RUNTIME_ENV_VARS, RUNTIME_ENVS):
            await _retried(self._cluster.list, kind, Query(limit=1))

    async def _open(self) -> tuple[Keyring, Publishing]:
        """The keyring, the public key and the compare keys; what is missing is told, and tried again."""
        keys = Keys(self._cluster, self._settings.namespace, _now)
        while True:
            try:
                keyring = await keys.load(self._watching.in_use)
                publishing = Publishing(self._cluster, self._settings.namespace, keys, keyring.sealing_key())
                await publishing.publish()
            except RuntimeEnvError as error:
                self._missing = f"the keyring: {error}"
                log.warning("keyring not open", extra={"reason": str(error)})
                self._keys_tried.set()
                await asyncio.sleep(TRY_AGAIN)
            else:
                self._keys_tried.set()
                return keyring, publishing


class _Ended(Exception):
    """kopf ended without a failure of its own: nothing is noticed any more."""


def _collect_rarely() -> None:
    """kopf leaves a few cycles at each event: looking for them as often as Python does takes 6 % of this process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _first(stopped: asyncio.Task[Any], *others: asyncio.Task[Any]) -> bool:
    """Wait for the first to end, then cancel the others. True when one failed, which is logged."""
    await asyncio.wait({stopped, *others}, return_when=asyncio.FIRST_COMPLETED)
    failures = [failure for task in others if task.done() for failure in _leaves(task.exception())]
    for failure in failures:
        log.critical("stopped by a failure", exc_info=failure)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return bool(failures)


def _leaves(failure: BaseException | None) -> list[BaseException]:
    """What went wrong, out of the groups that tasks wrap it in."""
    if isinstance(failure, BaseExceptionGroup):
        return [leaf for inner in failure.exceptions for leaf in _leaves(inner)]
    return [] if failure is None else [failure]


async def _retried(call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    while True:
        try:
            return await call(*arguments)
        except ClusterError as error:
            log.warning("not yet", extra={"reason": str(error)})
            await asyncio.sleep(TRY_AGAIN)


def _now() -> datetime:
    return datetime.now(UTC)
