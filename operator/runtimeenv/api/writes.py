"""Upsert, update, delete: ordinary RuntimeEnvVars in the tenant's home namespace (design §8).

A write reads the live object, then writes with a lock; when another came first it starts again. It answers once the
catalog shows the variable settled, so that what is read next through this replica agrees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtimeenv.api.bearers import Bearer
from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import Entry, Live
from runtimeenv.api.edits import Edit, changing, overwriting, own_ref
from runtimeenv.api.finishing import Finishing
from runtimeenv.api.objects import Objects
from runtimeenv.api.turns import Turns, attempted
from runtimeenv.cluster.protocol import Cluster, Written
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.values import Plaintext, check_reserved
from runtimeenv.crypto.seal import SealingKey, seal
from runtimeenv.errors import Conflict, Denied, NotFound, PreconditionFailed, Unavailable

Matches = Callable[[str], bool]
"""Does this ETag satisfy If-Match?"""


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
    """What a write left, and where."""

    ref: Ref
    identity: Identity
    written: Written
    created: bool = False

    @property
    def version(self) -> int:
        """The object's resourceVersion after the write."""
        return int(self.written.version)


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
        self._objects = Objects(cluster, catalog)
        self._catalog = catalog
        self._sealing_key = sealing_key
        self._allowed_names = allowed_names
        self._patience = patience
        self._turns = Turns()
        self._finishing = Finishing()

    async def upsert(self, bearer: Bearer, draft: Draft) -> Done:
        """Create the variable, or set it whole.

        Raises Denied outside the key's limits, Invalid for a reserved NAME, Conflict where another namespace defines
        the variable, NoHome, KeyUnavailable without a sealing key, and Unavailable.
        """
        identity = draft.identity
        if not bearer.reaches(identity.layer.scope):
            raise Denied("this API key is limited to other scopes, workspaces or projects")
        check_reserved("name", identity.name, self._allowed_names)
        edit = Edit(self._sealed(identity, draft.value), draft.enabled, draft.notes)
        return await self._finishing.finish(bearer.tenant, self._upsert(bearer, identity, edit))

    async def update(self, bearer: Bearer, id: str, change: Change, matches: Matches) -> Done:  # noqa: A002
        """Set some fields of the variable with this id, if its ETag matches; nothing to change writes nothing.

        Raises NotFound, PreconditionFailed, and what `upsert` raises.
        """
        identity = self._catalog.find(bearer, id).identity
        sealed = self._sealed(identity, change.value) if change.value is not None else None
        edit = Edit(sealed, change.enabled, change.notes)
        return await self._finishing.finish(bearer.tenant, self._update(bearer, id, edit, matches))

    async def delete(self, bearer: Bearer, id: str, matches: Matches) -> str:  # noqa: A002
        """Delete it, if its ETag matches; the revision that has it no more. Raises as `update`."""
        return await self._finishing.finish(bearer.tenant, self._delete(bearer, id, matches))

    def _sealed(self, identity: Identity, value: Plaintext) -> str:
        return str(seal(value, identity, self._sealing_key()))

    # Upsert

    async def _upsert(self, bearer: Bearer, identity: Identity, edit: Edit) -> Done:
        async with self._turns.of(identity):
            made = await attempted(lambda: self._put(bearer, identity, edit))
        return await self._answer(bearer, made)

    async def _put(self, bearer: Bearer, identity: Identity, edit: Edit) -> _Made:
        ref, live = await self._place(self._catalog.home(bearer.tenant), identity)
        if live is None:
            return _Made(ref, identity, await self._objects.create(ref, identity, edit, bearer.key_id), created=True)
        if live.metadata.deletion_timestamp is not None:
            raise Unavailable(0, f"write {ref}, which is being deleted")
        return _Made(ref, identity, await self._objects.patch(live, overwriting(live, edit, bearer.key_id)))

    async def _place(self, home: str, identity: Identity) -> tuple[Ref, Live | None]:
        """The object to write, or the name under which to make one. Raises Conflict where another has both."""
        own, winner = own_ref(home, identity), self._catalog.winner(identity)
        if winner is not None and winner.ref.namespace != home:
            raise Conflict(str(winner.ref))
        live: Live | None = None
        for ref in dict.fromkeys((winner.ref if winner is not None else own, own)):
            live, found = await self._objects.read(ref, identity)
            if found is not None:
                return ref, live
        if live is not None:
            raise Conflict(str(own))
        return own, None

    # Update and delete

    async def _update(self, bearer: Bearer, id: str, edit: Edit, matches: Matches) -> Done:  # noqa: A002
        identity, ref = self._ours(bearer, id)

        async def attempt() -> _Made:
            live = await self._matching(identity, ref, matches)
            ops = changing(live, edit, bearer.key_id)
            same = Written(live.metadata.resource_version, live.metadata.generation)
            return _Made(ref, identity, await self._objects.patch(live, ops) if ops else same)

        async with self._turns.of(identity):
            made = await attempted(attempt)
        return await self._answer(bearer, made)

    async def _delete(self, bearer: Bearer, id: str, matches: Matches) -> str:  # noqa: A002
        identity, ref = self._ours(bearer, id)

        async def attempt() -> str:
            live = await self._matching(identity, ref, matches)
            await self._objects.delete(live)
            return live.metadata.uid

        async with self._turns.of(identity):
            uid = await attempted(attempt)
            self._catalog.hide(uid)
        gone = await self._catalog.gone(uid, self._patience)
        return str(self._catalog.version) if gone else await self._objects.version(ref)

    def _ours(self, bearer: Bearer, id: str) -> tuple[Identity, Ref]:  # noqa: A002
        found = self._catalog.find(bearer, id)
        if found.ref.namespace != self._catalog.home(bearer.tenant):
            raise Conflict(str(found.ref))
        return found.identity, found.ref

    async def _matching(self, identity: Identity, ref: Ref, matches: Matches) -> Live:
        live, found = await self._objects.read(ref, identity)
        if live is None or found is None or found.hidden:
            raise NotFound("no such variable")
        if not matches(found.etag):
            raise PreconditionFailed("the variable is no longer as If-Match names it: read it again")
        return live

    # The answer

    async def _answer(self, bearer: Bearer, made: _Made) -> Done:
        """What the catalog shows once the variable is ready or stalled, or what is there after `patience`."""
        self._catalog.expect(bearer.tenant, made.version)
        until = asyncio.get_running_loop().time() + self._patience
        seen = await self._catalog.seen(made.version, self._patience)
        found = self._catalog.at(made.ref) if seen else None
        if found is not None:
            await self._check_won(made, found)
            left = until - asyncio.get_running_loop().time()
            await self._catalog.settled(found.uid, made.written.generation, left)
            found = self._catalog.at(made.ref) or found
        else:
            _, found = await self._objects.read(made.ref, made.identity)
        if found is None or found.identity != made.identity:
            raise Unavailable(0, f"see {made.ref}, which is gone already")
        ready = found.ready(made.written.generation)
        return Done(found, made.created, ready, str(max(found.version, made.version)))

    async def _check_won(self, made: _Made, found: Entry) -> None:
        """Raises Conflict where an older claimant came to light: what we made goes again."""
        winner = self._catalog.winner(made.identity)
        if made.created and winner is not None and winner.uid != found.uid:
            if await self._objects.withdraw(made.ref, found.uid):
                self._catalog.hide(found.uid)
            raise Conflict(str(winner.ref))
