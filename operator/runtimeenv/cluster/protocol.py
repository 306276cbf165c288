"""Cluster: the verbs of the Kubernetes API as the other rooms use them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol

from runtimeenv.cluster.kinds import Kind, Manifest, T
from runtimeenv.core.identity import Ref
from runtimeenv.core.patches import Op
from runtimeenv.errors import Oversized

Change = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True)
class Query:
    """Which objects: all of the cluster, unless narrowed. Selectors are Kubernetes' text forms."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""
    limit: int = 100
    """Objects per page of a list: each may have 1.5 MiB, and the API server has all of a page in memory at once."""
    after: str = ""
    """A page's ``next``: continues its list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; ``next`` is empty on the last. All pages of a list show the same ``version``."""

    items: Sequence[T]
    version: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """An object as a write left it; ``generation`` moves with the spec alone."""

    version: str
    generation: int


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One change. A bookmark has no object: it only says that all up to ``version`` was told."""

    change: Change
    version: str
    object: T | None


class Cluster(Protocol):
    """The Kubernetes API. Every failure is a ClusterError; nothing is retried here."""

    async def get(self, kind: Kind[T], ref: Ref) -> T | None:
        """One object, or None where it doesn't exist."""

    async def list(self, kind: Kind[T], query: Query) -> Page[T]:
        """One page, as the server holds it now.

        Raises Expired where ``query.after`` is too old, and Oversized for a page of several objects that is too large.
        """

    async def replace(self, manifest: Manifest, version: str | None) -> str:
        """Create the object (no version), or write it whole over this version. Returns the new resourceVersion.

        Raises Stale where it exists already, or stands at another version, or is gone.
        """

    async def replace_status(self, manifest: Manifest, version: str) -> str:
        """Write the status alone, whole, over this version; the manifest names the object and its UID, and has no spec.

        Returns the new resourceVersion. Raises Stale as `replace` does. Costs the API server a tenth less than a patch.
        """

    async def patch(self, kind: Kind[T], ref: Ref, body: Manifest | Sequence[Op], *, subresource: str = "") -> Written:
        """Merge patch (RFC 7386), or JSON Patch (RFC 6902) where the body is a list of operations.

        Raises Rejected with status 404 where the object is gone, and Stale where the body sets another resourceVersion
        than the object's.
        """

    async def delete(self, kind: Kind[T], ref: Ref, *, uid: str, version: str = "") -> None:
        """Delete the object of this UID; it is no failure that it is gone, or that another has its name.

        With a version only at that one: raises Stale where it stands at another.
        """

    def watch(self, kind: Kind[T], query: Query, since: str) -> AsyncGenerator[WatchEvent[T], None]:
        """Changes after a version, in order. Ends when the server ends it; raises Expired if ``since`` is too old."""


async def pages(cluster: Cluster, kind: Kind[T], query: Query) -> AsyncIterator[Page[T]]:
    """All pages of a list, one in memory at a time: of fewer objects where they are large."""
    limit = query.limit
    while True:
        try:
            page = await cluster.list(kind, query)
        except Oversized:
            query = replace(query, limit=max(query.limit // 4, 1))
            continue
        yield page
        if not page.next:
            return
        query = replace(query, after=page.next, limit=min(query.limit * 2, limit))
