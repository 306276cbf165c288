"""Our side of the injection bench: ``python -m tests.bench.injector FOLDER``. Prints its port once it is ready.

The webhook as it is, over a cluster in memory with 10,000 enrolled namespaces.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from runtimeenv.settings import Settings
from runtimeenv.webhook.run import Webhook
from tests.bench.review import NAMESPACES, namespace_name
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster


async def serve(folder: Path) -> None:
    """Until the process is killed."""
    settings = Settings(
        bind_address="127.0.0.1",
        webhook_port=0,
        probe_port=0,
        tls_folder=folder,
        public_key_folder=folder / "none",
        compare_keys_folder=folder / "none",
    )
    cluster = FakeCluster(*(namespace(namespace_name(i), f"tenant-{i % 100}") for i in range(NAMESPACES)))
    webhook = Webhook(settings, cluster)
    await webhook.start()
    async with webhook.following():
        await webhook.synced.wait()
        print(webhook.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
