"""Is the namespace that the index knows the one that stands? Its name may be another tenant's by now (design §4).

A watch may be silent for more than a minute. So before anything new is derived for a namespace the API server is asked.
"""

from __future__ import annotations

import asyncio
from typing import Final

from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Rejected, Stale

LASTS: Final = 4.0
"""Seconds that an answer counts: Kubernetes waits five before it empties a namespace that was deleted meanwhile."""

Asked = asyncio.Task[AnnotatedMetadata | None]


class Presence:
    """Asks for each namespace at most once in `LASTS` seconds, however many ask at once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._asked: dict[str, tuple[float, Asked]] = {}

    async def confirm(self, namespace: str, uid: str) -> None:
        """Return if the namespace of this UID stands. Raises Rejected while it is being deleted, Stale otherwise."""
        what = f"confirm namespaces {namespace}"
        found = await self._found(namespace)
        if found is None or found.metadata.uid != uid:
            raise Stale(0, what)  # the watch will tell
        if found.metadata.deletion_timestamp is not None:
            raise Rejected(403, what)  # as the API server answers to what is created there

    async def _found(self, namespace: str) -> AnnotatedMetadata | None:
        asked = self._asking(namespace)
        try:
            return await asked
        except Exception:
            if namespace in self._asked and self._asked[namespace][1] is asked:
                del self._asked[namespace]
            raise

    def _asking(self, namespace: str) -> Asked:
        now = asyncio.get_running_loop().time()
        self._asked = {name: asked for name, asked in self._asked.items() if asked[0] + LASTS > now}
        if namespace not in self._asked:
            asking = asyncio.ensure_future(self._cluster.get(NAMESPACES, Ref("", namespace)))
            self._asked[namespace] = (now, asking)
        return self._asked[namespace][1]
