"""The life of a process that answers requests: it starts, follows the cluster, and stops without failing a request."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import uvloop

from runtimeenv.cluster.client import connect
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.serving.metrics import ClusterRequests, Measure


class Replica(Protocol):
    """The parts of such a process, and how they hang together."""

    async def start(self) -> None:
        """Listen for probes at least."""

    def following(self) -> AbstractAsyncContextManager[None]:
        """Follow what it must know, in the block; a fault ends it."""

    async def stop(self) -> None:
        """Answer what is under way, and no more."""


def serve(make: Callable[[Cluster, Measure], Replica]) -> int:
    """Until SIGTERM or SIGINT; the exit code. ``make`` is given the cluster, and what its requests measure."""
    uvloop.run(_serve(make))
    return 0


async def _serve(make: Callable[[Cluster, Measure], Replica]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    requests = ClusterRequests()
    async with connect(count=requests.count) as cluster:
        replica = make(cluster, requests.measure)
        await replica.start()
        async with replica.following():
            await stop.wait()
            await replica.stop()
