"""What whoever creates namespaces fills them with: no process keeps it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtimeenv.api.run import Api
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.core import names
from runtimeenv.settings import Settings
from runtimeenv.webhook.run import Webhook
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.controller.test_leaks import parts


@pytest.mark.parametrize("process", [Webhook, Api])
async def test_of_a_namespace_its_enrolment_alone_is_kept(process: Any) -> None:
    cluster = FakeCluster()
    for name, tenant in (("acme", "acme"), ("elsewhere", "")):
        found = namespace(name, tenant, projects="blog" if tenant else "filling")
        found["metadata"]["labels"] |= {f"{names.GROUP}/filling": "filling"}
        found["metadata"]["annotations"]["filling"] = "filling"
        owner = {"apiVersion": "v1", "kind": "filling", "name": "filling", "uid": "filling"}
        cluster.apply({**found, "metadata": {**found["metadata"], "ownerReferences": [owner]}})
    made = process(Settings(), cluster)
    [mirror] = [part for part in parts(made) if isinstance(part, Reflector) and part._kind.plural == "namespaces"]
    running = asyncio.create_task(mirror.run())
    await mirror.synced.wait()
    kept = "\n".join(repr(part) for part in parts(made) if part is not cluster)
    assert "blog" in kept
    assert "elsewhere" in kept
    assert "filling" not in kept
    running.cancel()
