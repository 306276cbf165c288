"""Upsert, update, delete: ordinary RuntimeEnvVars in the tenant's home namespace (design §8).

A write reads the live object, then writes with a lock; when another came first it starts again. It answers once the
catalog shows the variable settled, so that what is read next through this replica agrees.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakValueDictionary

from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import LIVE, Entry, Live, entry
from runtimeenv.api.edits import Edit, changing, manifest, overwriting, own_ref
from runtimeenv.api.refused import refused
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.protocol import Cluster, Query, Written
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.patches import Op
from runtimeenv.core.values import Plaintext, check_reserved
from runtimeenv.crypto.seal import SealingKey, seal
from runtimeenv.errors import Conflict, Denied, NotFound, PreconditionFailed, Rejected, Stale, Unavailable

if TYPE_CHECKING:
    from runtimeenv.api.bearers import Bearer

ATTEMPTS: Final = 8
FIRST_DELAY: Final = 0.01
"""Seconds, at most, before the second attempt; doubles."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Draft:
    """A variable as POST describes it, whole."""

    identity: Identity
    value: Plaintext
    enabled: bool
    notes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What PATCH and PUT set; None leaves a field as it is."""

    value: Plaintext | None = None
    enabled: bool | None = None
    notes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A write's answer. ``ready``: materialized, or disabled; ``revision``: what a read may wait for."""

    entry: Entry
    created: bool
    ready: bool
    revision: str


@dataclass(frozen=True, slots=True)
class _Made:
    """What a write left."""

    ref: Ref
    identity: Identity
    version: int
    generation: int
    created: bool = False


class Writes:
    """Each write goes on to its end even if nobody waits for it any more."""

    def __init__(
        self,
        cluster: Cluster,
        catalog: Catalog,
        sealing_key: Callable[[], SealingKey],
        allowed_names: frozenset[str] = frozenset(),
        patience: float = 2.0,
    ) -> None:
        self._cluster = cluster
        self._catalog = catalog
        self._sealing_key = sealing_key
        self._allowed_names = allowed_names
        self._patience = patience
        self._locks: WeakValueDictionary[Identity, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()

    async def upsert(self, bearer: Bearer, draft: Draft) -> Done:
        """Create the variable, or set it whole.

        Raises Denied outside the key's limits, Invalid for a reserved NAME, Conflict where another namespace defines
        the variable, NoHome, KeyUnavailable without a sealing key, and Unavailable.
        """
        identity = draft.identity
        if identity.tenant != bearer.tenant or not bearer.reaches(identity.layer.scope):
            raise Denied("this API key is limited to other scopes, workspaces or projects")
        check_reserved("name", identity.name, self._allowed_names)
        edit = Edit(self._sealed(identity, draft.value), draft.enabled, draft.notes)
        return await self._finished(self._upsert(bearer, identity, edit))

    async def update(self, bearer: Bearer, id: str, change: Change, matches: Callable[[str], bool]) -> Done:  # noqa: A002
        """Set some fields of the variable with this id, if its ETag matches; nothing to change writes nothing.

        Raises NotFound, PreconditionFailed, and what `upsert` raises.
        """
        await self._catalog.reached(bearer.tenant)
        identity = self._catalog.find(bearer, id).identity
        sealed = self._sealed(identity, change.value) if change.value is not None else None
        return await self._finished(self._update(bearer, id, Edit(sealed, change.enabled, change.notes), matches))

    async def delete(self, bearer: Bearer, id: str, matches: Callable[[str], bool]) -> str:  # noqa: A002
        """Delete it, if its ETag matches; the revision that has it no more. Raises as `update`."""
        await self._catalog.reached(bearer.tenant)
        return await self._finished(self._delete(bearer, id, matches))

    async def _finished(self, work: Coroutine[Any, Any, R]) -> R:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to look at it

    def _sealed(self, identity: Identity, value: Plaintext) -> str:
        return str(seal(value, identity, self._sealing_key()))

    def _lock(self, identity: Identity) -> asyncio.Lock:
        return self._locks.setdefault(identity, asyncio.Lock())

    async def _attempted(self, attempt: Callable[[], Awaitable[R]]) -> R:
        for number in range(ATTEMPTS):
            try:
                return await attempt()
            except Stale:
                await asyncio.sleep(random.uniform(0, FIRST_DELAY * 2**number))  # noqa: S311 - spreads the load
        raise Unavailable(409, "write what others write all the time")

    # Upsert

    async def _upsert(self, bearer: Bearer, identity: Identity, edit: Edit) -> Done:
        async with self._lock(identity):
            made = await self._attempted(lambda: self._put(bearer, identity, edit))
        return await self._settled(bearer, made)

    async def _put(self, bearer: Bearer, identity: Identity, edit: Edit) -> _Made:
        home = self._catalog.home(bearer.tenant)
        ref, live = await self._live(home, identity)
        if live is None:
            version = await self._create(ref, identity, edit, bearer.key_id)
            return _Made(ref, identity, version, 1, created=True)
        if live.metadata.deletion_timestamp is not None:
            raise Unavailable(0, f"write {ref}, which is being deleted")
        written = await self._patch(ref, live, overwriting(live, edit, bearer.key_id))
        return _Made(ref, identity, int(written.version), written.generation)

    async def _live(self, home: str, identity: Identity) -> tuple[Ref, Live | None]:
        """The object to write, or the name under which to make one. Raises Conflict where another has both."""
        own, winner = own_ref(home, identity), self._catalog.winner(identity)
        if winner is not None and winner.ref.namespace != home:
            raise Conflict(str(winner.ref))
        for ref in dict.fromkeys((winner.ref if winner is not None else own, own)):
            live = await self._cluster.get(LIVE, ref)
            if live is not None and self._is(live, identity):
                return ref, live
        if live is not None:
            raise Conflict(str(own))
        return own, None

    def _is(self, live: Live, identity: Identity) -> bool:
        found = self._entry(live)
        return found is not None and found.identity == identity

    def _entry(self, live: Live) -> Entry | None:
        return entry(live, self._catalog.enrolment(live.metadata.namespace), self._allowed_names)

    async def _create(self, ref: Ref, identity: Identity, edit: Edit, key_id: str) -> int:
        try:
            return int(await self._cluster.replace(manifest(ref, identity, edit, key_id), None))
        except Rejected as error:
            namespace = await self._cluster.get(NAMESPACES, Ref("", ref.namespace))
            if namespace is None or namespace.metadata.deletion_timestamp is not None:
                raise Unavailable(error.status, f"create {ref}, whose namespace is being deleted") from None
            raise refused(error) from None

    async def _patch(self, ref: Ref, live: Live, ops: list[Op]) -> Written:
        """Raises Stale where the object is not as it was read, or gone."""
        try:
            return await self._cluster.patch(LIVE, ref, ops)
        except Rejected as error:
            now = await self._cluster.get(LIVE, ref)
            if now is None or now.metadata.resource_version != live.metadata.resource_version:
                raise Stale(error.status, f"patch {ref}") from None
            raise refused(error) from None

    # Update and delete

    async def _update(self, bearer: Bearer, id: str, edit: Edit, matches: Callable[[str], bool]) -> Done:  # noqa: A002
        identity, ref = self._ours(bearer, id)
        async with self._lock(identity):
            made = await self._attempted(lambda: self._change(bearer, identity, ref, edit, matches))
        return await self._settled(bearer, made)

    def _ours(self, bearer: Bearer, id: str) -> tuple[Identity, Ref]:  # noqa: A002
        found = self._catalog.find(bearer, id)
        if found.ref.namespace != self._catalog.home(bearer.tenant):
            raise Conflict(str(found.ref))
        return found.identity, found.ref

    async def _matching(self, identity: Identity, ref: Ref, matches: Callable[[str], bool]) -> Live:
        live = await self._cluster.get(LIVE, ref)
        found = self._entry(live) if live is not None else None
        if live is None or found is None or found.identity != identity or found.hidden:
            raise NotFound("no such variable")
        if not matches(found.etag):
            raise PreconditionFailed("the variable is no longer as If-Match names it: read it again")
        return live

    async def _change(
        self, bearer: Bearer, identity: Identity, ref: Ref, edit: Edit, matches: Callable[[str], bool]
    ) -> _Made:
        live = await self._matching(identity, ref, matches)
        ops = changing(live, edit, bearer.key_id)
        if not ops:
            return _Made(ref, identity, live.metadata.version, live.metadata.generation)
        written = await self._patch(ref, live, ops)
        return _Made(ref, identity, int(written.version), written.generation)

    async def _delete(self, bearer: Bearer, id: str, matches: Callable[[str], bool]) -> str:  # noqa: A002
        identity, ref = self._ours(bearer, id)

        async def attempt() -> str:
            live = await self._matching(identity, ref, matches)
            uid = live.metadata.uid
            await self._cluster.delete(LIVE, ref, uid=uid, version=live.metadata.resource_version)
            return uid

        async with self._lock(identity):
            uid = await self._attempted(attempt)
        self._catalog.hide(uid)
        if await self._catalog.gone(uid, self._patience):
            return str(self._catalog.version)
        return (await self._cluster.list(LIVE, Query(namespace=ref.namespace, limit=1))).version

    # The answer

    async def _settled(self, bearer: Bearer, made: _Made) -> Done:
        """What the catalog shows once the variable is ready or stalled, or of now after `patience`."""
        self._catalog.expect(bearer.tenant, made.version)
        until = asyncio.get_running_loop().time() + self._patience
        found = None
        if await self._catalog.seen(made.version, self._patience):
            found = self._catalog.at(made.ref)
        if found is not None:
            await self._check_won(made, found)
            await self._catalog.settled(found.uid, made.generation, until - asyncio.get_running_loop().time())
            found = self._catalog.at(made.ref) or found
        else:
            live = await self._cluster.get(LIVE, made.ref)
            found = self._entry(live) if live is not None else None
        if found is None or found.identity != made.identity:
            raise Unavailable(0, f"see {made.ref}, which is gone already")
        ready = found.state == "ready" and found.generation >= made.generation
        return Done(found, made.created, ready, str(max(found.version, made.version)))

    async def _check_won(self, made: _Made, found: Entry) -> None:
        """An older claimant elsewhere, seen too late: ours goes again. Raises Conflict."""
        winner = self._catalog.winner(made.identity)
        if not made.created or winner is None or winner.uid == found.uid:
            return
        await self._cluster.delete(LIVE, made.ref, uid=found.uid)
        self._catalog.hide(found.uid)
        raise Conflict(str(winner.ref))
