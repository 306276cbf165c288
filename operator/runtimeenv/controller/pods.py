"""RuntimeEnvs on demand: made when a pod asks, removed some time after the last pod that uses them (design §3)."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from runtimeenv.cluster.kinds import POD_METADATA, RUNTIME_ENVS
from runtimeenv.cluster.objects import AnnotatedMetadata, RuntimeEnvObject, chosen, identified
from runtimeenv.cluster.protocol import Cluster, Query, pages
from runtimeenv.controller.events import Events, Subject
from runtimeenv.controller.index import Index
from runtimeenv.core import names
from runtimeenv.core.identity import Ref, Shape
from runtimeenv.core.names import secret_name
from runtimeenv.errors import Denied, Invalid

UNFINISHED: Final = "status.phase!=Succeeded,status.phase!=Failed"
MOST: Final = 200
"""RuntimeEnvs of one namespace (design §3)."""
REST: Final = 60.0
"""Seconds at least until a full namespace, or a RuntimeEnv that is still referenced, is looked at again."""

log = logging.getLogger(__name__)


def labelled(domain: str) -> Query:
    """The unfinished pods that ask for an environment; what opted out passes admission with whatever it carries."""
    return Query(labels=f"{domain}/target,{domain}/inject!=false", fields=UNFINISHED)


def asking(pod: AnnotatedMetadata, domain: str) -> AnnotatedMetadata:
    """What is kept of such a pod: the labels that tell its shape."""
    kept = identified(pod)
    labels = chosen(pod.metadata.labels, [f"{domain}/{word}" for word in ("target", "workspace", "project")])
    return replace(kept, metadata=replace(kept.metadata, labels=labels))


class Pods:
    """Who asks for which RuntimeEnv. `make` and `collect` are run by queues. ``ttl``: seconds."""

    def __init__(
        self,
        cluster: Cluster,
        index: Index,
        events: Events,
        environments: Callable[[Ref], RuntimeEnvObject | None],
        domain: str,
        ttl: float,
    ) -> None:
        self._cluster = cluster
        self._index = index
        self._events = events
        self._environments = environments
        self._domain = domain
        self._ttl = ttl
        self._askers: defaultdict[Ref, dict[str, Ref]] = defaultdict(dict)
        self._asked: dict[str, Ref] = {}
        self._unused_since: dict[Ref, float] = {}
        self._making: set[Ref] = set()

    def put(self, pod: AnnotatedMetadata) -> Ref | None:
        """A labelled pod asks; the RuntimeEnv that it asks for, if it may."""
        ref = self._wanted(pod)
        if ref is not None:
            self._asked[pod.metadata.uid] = ref
            self._askers[ref][pod.metadata.uid] = pod.metadata.ref
            self._unused_since.pop(ref, None)
        return ref

    def remove(self, pod: AnnotatedMetadata) -> Ref | None:
        """A labelled pod went or finished; the RuntimeEnv that it had asked for."""
        ref = self._asked.pop(pod.metadata.uid, None)
        if ref is not None:
            self._askers[ref].pop(pod.metadata.uid, None)
            if not self._askers[ref]:
                del self._askers[ref]
        return ref

    def askers(self, ref: Ref) -> list[Ref]:
        """The pods that ask for a RuntimeEnv."""
        return list(self._askers.get(ref, {}).values())

    async def make(self, ref: Ref, shape: Shape | None) -> float | None:
        """Make the RuntimeEnv, unless it is there. ``shape`` is that of `shape_of`."""
        askers = self._askers.get(ref)
        if not askers or shape is None or self._environments(ref) is not None:
            return None
        if self._is_full(ref.namespace):
            await self._refuse(askers)
            return max(self._ttl, REST)
        self._making.add(ref)
        try:
            await self._cluster.replace(_manifest(ref, shape), None)
        except Exception:
            self._making.discard(ref)  # of a 409, too: it is there and will be seen, or a quota was just changed
            raise
        log.info("RuntimeEnv made on demand", extra={"ref": str(ref)})
        return None

    async def collect(self, ref: Ref, _item: None = None) -> float | None:
        """Remove an on-demand RuntimeEnv whose last pod is gone long enough. Returns when to look again."""
        found = self._environments(ref)
        if found is None or found.metadata.labels.get(names.ON_DEMAND_LABEL) != "true" or self._askers.get(ref):
            self._unused_since.pop(ref, None)
            return None
        now = asyncio.get_running_loop().time()
        left = self._unused_since.setdefault(ref, now) + self._ttl - now
        if left > 0:
            return left
        if await self._is_referenced(ref):
            self._unused_since[ref] = now
            return max(self._ttl, REST)
        await self._cluster.delete(RUNTIME_ENVS, ref, uid=found.metadata.uid)
        self._unused_since.pop(ref, None)
        log.info("unused RuntimeEnv removed", extra={"ref": str(ref)})
        return None

    def shape_of(self, pod: AnnotatedMetadata) -> Shape | None:
        """The shape that a pod's labels ask for; None where it may not."""
        enrolment = self._index.enrolment(pod.metadata.namespace)
        if enrolment is None:
            return None
        try:
            return enrolment.shape(pod.metadata.labels, self._domain)
        except (Denied, Invalid):
            return None

    def _wanted(self, pod: AnnotatedMetadata) -> Ref | None:
        shape = self.shape_of(pod)
        try:
            return Ref(pod.metadata.namespace, secret_name(shape)) if shape is not None else None
        except Invalid:
            return None

    def made(self, ref: Ref) -> None:
        """The reflector saw a RuntimeEnv come, or go."""
        self._making.discard(ref)

    def _is_full(self, namespace: str) -> bool:
        """Counts those that the reflector has not told of yet, too: many may be made at once."""
        making = sum(ref.namespace == namespace for ref in self._making)
        return len(self._index.environments(namespace)) + making >= MOST

    async def _is_referenced(self, ref: Ref) -> bool:
        """Labels change while pods run: what they were injected with counts."""
        query = Query(namespace=ref.namespace, fields=UNFINISHED)
        async for page in pages(self._cluster, POD_METADATA, query):
            if any(pod.metadata.annotations.get(names.INJECTED_ANNOTATION) == ref.name for pod in page.items):
                return True
        return False

    async def _refuse(self, askers: Mapping[str, Ref]) -> None:
        uid, pod = next(iter(askers.items()))
        message = f"the namespace has {MOST} RuntimeEnvs already: delete unused ones, or use fewer ids in pod labels"
        await self._events.write(Subject("Pod", pod, uid), "Warning", "TooManyRuntimeEnvs", message)


def _manifest(ref: Ref, shape: Shape) -> dict[str, Any]:
    ids = {"workspaceId": shape.workspace, "projectId": shape.project}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "RuntimeEnv",
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "labels": {**names.DERIVED_LABELS, names.ON_DEMAND_LABEL: "true"},
        },
        "spec": {"target": shape.surface, **{key: text for key, text in ids.items() if text is not None}},
    }
