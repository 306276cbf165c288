"""The floors of the controller's benches, ``python -m tests.bench.bare_operator MODE``: the least that kopf can do.

``create``  `kopf.on.event` and a generation check: one Secret and one status for each RuntimeEnvVar.
``resume N``  an empty resume handler, which stores nothing; prints ``ready`` once it was called for N objects.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import kopf
import uvloop
from kubernetes.aio.client import ApiClient

from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster
from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.core.identity import Ref

RESOURCE = ("runtime.miosa.ai", "v1", "runtimeenvvars")
CONTENT = {"envelope": "QUFB" * 150, "record": "QUFB" * 120}


class NothingStored(kopf.DiffBaseStorage):
    """No last-handled annotation: every object counts as unchanged."""

    def fetch(self, *, body: kopf.Body) -> Any:
        return self.build(body=body)

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: Any) -> None:
        pass


def _status(generation: int) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Ready", "status": "True", "reason": "Materialized", "message": ""}
    conditions = [{**condition, "observedGeneration": generation, "lastTransitionTime": now}]
    return {"status": {"observedGeneration": generation, "preview": "********", "conditions": conditions}}


async def create(settings: kopf.OperatorSettings) -> None:
    """Writes the Secret and the status of each variable that has none at its generation."""
    async with ApiClient(await access.configuration(os.environ)) as api:
        cluster = ApiCluster(api)

        @kopf.on.event(*RESOURCE)
        async def handle(body: kopf.Body, **_: object) -> None:
            meta = body["metadata"]
            if body.get("status", {}).get("observedGeneration") == meta["generation"]:
                return
            owner = {"apiVersion": body["apiVersion"], "kind": body["kind"], "name": meta["name"], "uid": meta["uid"]}
            metadata = {"namespace": meta["namespace"], "name": f"floor.{meta['uid']}", "ownerReferences": [owner]}
            await cluster.replace({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": CONTENT}, None)
            ref = Ref(meta["namespace"], meta["name"])
            await cluster.patch(RUNTIME_ENV_VARS, ref, _status(meta["generation"]), subresource="status")

        await kopf.operator(settings=settings, clusterwide=True)


async def resume(settings: kopf.OperatorSettings, expected: int) -> None:
    """Counts what is resumed."""
    left = count(expected - 1, -1)

    @kopf.on.resume(*RESOURCE)
    async def handle(**_: object) -> None:
        if next(left) == 0:
            print("ready", flush=True)

    await kopf.operator(settings=settings, clusterwide=True)


def main(arguments: Iterable[str]) -> None:
    """Run one mode."""
    mode, *rest = arguments
    logging.basicConfig(level=logging.WARNING)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = NothingStored()
    work = create(settings) if mode == "create" else resume(settings, int(rest[0]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main(sys.argv[1:])
