"""RuntimeEnvVars as the API server holds them: read before they are written, then written with a lock.

What the API server refuses is told without its text, which may echo what was sent.
"""

from __future__ import annotations

from typing import Final

from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import LIVE, Entry, Live
from runtimeenv.api.edits import Edit, manifest
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.protocol import Cluster, Query, Written
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.patches import Op
from runtimeenv.errors import ClusterError, Denied, Invalid, Rejected, RuntimeEnvError, Stale, Unavailable

_LOOK: Final = "an operator finds the reason in the cluster's policies, quotas and admission webhooks"


class Objects:
    """The variables' objects of all tenants. Everything raises Unavailable where the API server fails."""

    def __init__(self, cluster: Cluster, catalog: Catalog) -> None:
        self._cluster = cluster
        self._catalog = catalog

    async def read(self, ref: Ref, identity: Identity) -> tuple[Live | None, Entry | None]:
        """The object of this name, and the variable that it is, if it is the one with this identity."""
        live = await self._cluster.get(LIVE, ref)
        found = self._catalog.entry(live) if live is not None else None
        return live, found if found is not None and found.identity == identity else None

    async def create(self, ref: Ref, identity: Identity, edit: Edit, key_id: str) -> Written:
        """Raises Stale where the name is taken, Denied and Invalid where the cluster does not want it."""
        try:
            return Written(await self._cluster.replace(manifest(ref, identity, edit, key_id), None), 1)
        except Rejected as error:
            namespace = await self._cluster.get(NAMESPACES, Ref("", ref.namespace))
            if namespace is None or namespace.metadata.deletion_timestamp is not None:
                raise Unavailable(error.status, f"create {ref}, whose namespace is being deleted") from None
            raise _refused(error) from None

    async def patch(self, live: Live, ops: list[Op]) -> Written:
        """Raises Stale where the object is not as it was read, or gone; Denied and Invalid as `create`."""
        ref = live.metadata.ref
        try:
            return await self._cluster.patch(LIVE, ref, ops)
        except Rejected as error:
            now = await self._cluster.get(LIVE, ref)
            if now is None or now.metadata.resource_version != live.metadata.resource_version:
                raise Stale(error.status, f"patch {ref}") from None
            raise _refused(error) from None

    async def delete(self, live: Live) -> None:
        """Raises Stale where the object is not as it was read."""
        meta = live.metadata
        try:
            await self._cluster.delete(LIVE, meta.ref, uid=meta.uid, version=meta.resource_version)
        except Rejected as error:
            raise _refused(error) from None

    async def withdraw(self, ref: Ref, uid: str) -> bool:
        """Delete what we made, in whatever state it is; False where a user has put another in its place."""
        live = await self._cluster.get(LIVE, ref)
        if live is not None and names.API_KEY_ANNOTATION not in live.metadata.annotations:
            return False
        await self._cluster.delete(LIVE, ref, uid=uid)
        return True

    async def version(self, ref: Ref) -> str:
        """A resourceVersion that all writes of this object up to now precede; the watch's own where none is told.

        The object's, if it is still there: it is one that the watch tells; of a list, all the cluster's writes move it.
        """
        try:
            if (live := await self._cluster.get(LIVE, ref)) is not None:
                return live.metadata.resource_version
            return (await self._cluster.list(LIVE, Query(namespace=ref.namespace, limit=1))).version
        except ClusterError:
            return str(self._catalog.version)


def _refused(error: Rejected) -> RuntimeEnvError:
    """Denied, Invalid, or Unavailable where it is our own process that may do nothing."""
    if error.status == 403:
        return Denied(f"the cluster does not let this be written: {_LOOK}")
    if error.status in (400, 413, 422):
        return Invalid("body", f"the cluster does not take this variable: {_LOOK}")
    return Unavailable(error.status, "write a variable")
