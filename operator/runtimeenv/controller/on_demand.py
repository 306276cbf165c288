"""The queues of RuntimeEnvs that are made on demand, and of those that nobody uses any more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from runtimeenv.cluster.objects import AnnotatedMetadata, RuntimeEnvObject
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.pods import Pods
from runtimeenv.controller.queue import Queue
from runtimeenv.controller.stages import Stages
from runtimeenv.core.identity import Ref, Shape
from runtimeenv.settings import Settings


class OnDemand:
    """Offers what pods ask for to the one queue, and what they leave behind to the other.

    ``environments`` and ``seen``, the labelled pods, are the reflectors' views.
    """

    def __init__(
        self,
        cluster: Cluster,
        stages: Stages,
        environments: Mapping[Ref, RuntimeEnvObject],
        seen: Mapping[Ref, AnnotatedMetadata],
        settings: Settings,
    ) -> None:
        self._stages = stages
        self._environments = environments
        self._pods = Pods(
            cluster, stages.index, stages.events, environments.get, settings.pod_domain, settings.on_demand_ttl
        )
        self._makers: Queue[Ref, Shape] = Queue(self._pods.make, workers=4)
        self._collectors: Queue[Ref, None] = Queue(self._pods.collect, workers=2)
        self._seen = seen

    @property
    def queues(self) -> Mapping[str, Queue[Any, Any]]:
        """For the metrics."""
        return {"on_demand": self._makers, "unused": self._collectors}

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._makers.run())
            group.create_task(self._collectors.run())

    def start(self) -> None:
        """Look at every pod and every RuntimeEnv."""
        for pod in list(self._seen.values()):
            self.put(pod)
        for ref in self._environments:
            self.look(ref)

    def put(self, pod: AnnotatedMetadata) -> None:
        """A labelled pod was seen."""
        if not self._stages.started:
            return
        before = self._pods.remove(pod)
        wanted = self._pods.put(pod)
        if wanted is not None:
            self._makers.offer(wanted, self._pods.shape_of(pod))
        if before is not None and before != wanted:
            self.look(before)

    def remove(self, pod: AnnotatedMetadata) -> None:
        """A labelled pod went, or finished."""
        if (ref := self._pods.remove(pod)) is not None:
            self.look(ref)

    def enrolled(self, namespace: str) -> None:
        """A namespace's enrolment changed: its pods may ask for something else."""
        if not self._stages.started:
            return  # a start looks at every pod
        for pod in [p for p in self._seen.values() if p.metadata.namespace == namespace]:
            self.put(pod)

    def came(self, ref: Ref) -> None:
        """A RuntimeEnv was made, or changed."""
        self._pods.made(ref)
        self.look(ref)

    def look(self, ref: Ref) -> None:
        """See whether a RuntimeEnv is still used."""
        if self._stages.started:
            self._collectors.offer(ref)

    def gone(self, ref: Ref) -> None:
        """A RuntimeEnv went: a pod that still asks for it gets it again."""
        self._pods.made(ref)
        for pod in self._pods.askers(ref):
            if pod in self._seen:
                self.put(self._seen[pod])
