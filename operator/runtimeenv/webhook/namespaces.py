"""What namespaces are enrolled as, kept by a watch, so that no review waits for the API server (design §7)."""

from __future__ import annotations

import asyncio
from typing import Final

from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import TENANT_LABEL
from runtimeenv.core.tenancy import Enrolment, enrolment
from runtimeenv.errors import Denied, Unavailable

PATIENCE: Final = 1.0
"""Seconds that a review waits for a namespace that the watch hasn't shown as enrolled: it may just have been."""


class Namespaces:
    """Enrolments by namespace. `put` and `remove` are a reflector's."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._enrolments: dict[str, Enrolment] = {}

    def put(self, namespace: AnnotatedMetadata, former: AnnotatedMetadata | None = None) -> None:
        """A namespace appeared or changed."""
        del former
        found = _enrolment(namespace)
        if found is None:
            self.remove(namespace)
        else:
            self._enrolments[namespace.metadata.name] = found

    def remove(self, namespace: AnnotatedMetadata) -> None:
        """A namespace went."""
        self._enrolments.pop(namespace.metadata.name, None)

    def known(self, name: str) -> Enrolment | None:
        """What the namespace is enrolled as, as far as the watch has shown."""
        return self._enrolments.get(name)

    async def read(self, name: str) -> Enrolment:
        """What the API server says. Raises Denied where it isn't enrolled, and ClusterError where nothing is said."""
        try:
            async with asyncio.timeout(PATIENCE):
                namespace = await self._cluster.get(NAMESPACES, Ref("", name))
        except TimeoutError:
            raise Unavailable(0, f"get namespace {name}") from None
        found = None if namespace is None else _enrolment(namespace)
        if found is None:
            raise Denied(f"namespace {name} is not enrolled: set its label {TENANT_LABEL}")
        return found


def _enrolment(namespace: AnnotatedMetadata) -> Enrolment | None:
    return enrolment(namespace.metadata.labels, namespace.metadata.annotations)
