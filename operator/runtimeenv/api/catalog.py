"""The variables by tenant and id, kept by a watch: what reads answer from, and what writes start from.

Rules are the controller's: only admitted objects claim an identity, the oldest claimant wins, and only it shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from runtimeenv.api.bearers import Bearer
from runtimeenv.api.claimants import Claimant, Entry, entry
from runtimeenv.api.pages import Position
from runtimeenv.api.places import Places
from runtimeenv.api.shelf import Shelf
from runtimeenv.api.waiting import FOREVER, Levels
from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.core.claims import Claims
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.errors import NotFound, Unavailable

PATIENCE: Final = 2.0
"""Seconds that a read waits for what it must have seen (design §8)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A list's filters; None lets everything through."""

    scope: str | None = None
    workspace_id: str | None = None
    project_id: str | None = None
    target: str | None = None

    def takes(self, place: Position) -> bool:
        """Does the variable at this place of the list pass every filter?"""
        _, kind, workspace, project, target = place
        return (
            self.scope in (None, kind)
            and self.workspace_id in (None, workspace)
            and self.project_id in (None, project)
            and self.target in (None, target)
        )


EVERYTHING: Final = Selection()


class Catalog:
    """`put_…`, `remove_…` are the reflectors' (of CLAIMANTS and NAMESPACES), `advanced` is the variables' one's."""

    def __init__(self, allowed_names: frozenset[str] = frozenset()) -> None:
        self._allowed_names = allowed_names
        self._places = Places()
        self._found: defaultdict[str, dict[str, Claimant]] = defaultdict(dict)
        self._claims: Claims[Entry] = Claims()
        self._entries: dict[str, Entry] = {}
        self._shelves: defaultdict[str, Shelf] = defaultdict(Shelf)
        self._hidden: set[str] = set()
        self._versions = Levels()
        self._settling: dict[str, Levels] = {}
        self._unseen: dict[str, int] = {}

    # What the watches tell

    def put_variable(self, new: Claimant, _old: Claimant | None = None) -> None:
        """A variable appeared or changed."""
        meta = new.metadata
        self._found[meta.namespace][meta.name] = new
        self._file(meta.uid, self.entry(new))

    def remove_variable(self, last: Claimant) -> None:
        """A variable is gone."""
        meta = last.metadata
        self._found[meta.namespace].pop(meta.name, None)
        if not self._found[meta.namespace]:
            del self._found[meta.namespace]
        self._file(meta.uid, None)
        self._hidden.discard(meta.uid)

    def put_namespace(self, new: AnnotatedMetadata, _old: AnnotatedMetadata | None = None) -> None:
        """A namespace appeared or changed."""
        before = self._places.enrolment(new.metadata.name)
        self._places.put(new.metadata)
        self._file_all(new.metadata.name, before)

    def remove_namespace(self, last: AnnotatedMetadata) -> None:
        """A namespace is gone."""
        before = self._places.enrolment(last.metadata.name)
        self._places.remove(last.metadata.name)
        self._file_all(last.metadata.name, before)

    def advanced(self, version: str) -> None:
        """The watch of the variables has told all up to this resourceVersion."""
        if int(version) < self._versions.level:
            self._restored()
        self._versions.reach(int(version))

    # What reads ask

    def find(self, bearer: Bearer, id: str) -> Entry:  # noqa: A002 - the API's own word
        """The variable with this id, if this API key may see it; raises NotFound."""
        shelf = self._shelves.get(bearer.tenant)
        found = shelf.by_id.get(id) if shelf is not None else None
        if found is None or not bearer.reaches(found.identity.layer.scope):
            raise NotFound("no such variable")
        return found

    def select(self, bearer: Bearer, selection: Selection = EVERYTHING) -> Sequence[Entry]:
        """The variables that pass, sorted by name, scope, workspace, project, target."""
        shelf = self._shelves.get(bearer.tenant)
        if shelf is None:
            return []
        if selection == EVERYTHING:
            found = list(shelf.entries)
        else:
            found = [e for place, e in zip(shelf.places, shelf.entries, strict=True) if selection.takes(place)]
        if not bearer.reaches_all:
            found = [e for e in found if bearer.reaches(e.identity.layer.scope)]
        return found

    def whole(self, bearer: Bearer) -> bytes | None:
        """The answer that lists all of the tenant's variables; None for a key that may not see them all."""
        shelf = self._shelves.get(bearer.tenant)
        return shelf.body if shelf is not None and bearer.reaches_all else None

    def knows_tenant(self, tenant: str) -> bool:
        """Is any namespace enrolled under this tenant?"""
        return self._places.knows_tenant(tenant)

    async def reached(self, tenant: str, revision: int = 0) -> None:
        """Wait for this resourceVersion, and for the tenant's own writes; raises Unavailable after 2 s."""
        wanted = max(revision, self._unseen.get(tenant, 0))
        if not await self._versions.reached(wanted, PATIENCE):
            raise Unavailable(0, "follow the variables")
        if self._unseen.get(tenant, FOREVER) <= self._versions.level:
            del self._unseen[tenant]

    # What writes ask

    @property
    def version(self) -> int:
        """All changes of variables up to this resourceVersion are known."""
        return self._versions.level

    def home(self, tenant: str) -> str:
        """The one namespace to write in. Raises NoHome, and Unavailable while it is being deleted."""
        return self._places.home(tenant)

    def entry(self, found: Claimant) -> Entry | None:
        """The variable that an object is, if its namespace may define it."""
        return entry(found, self._places.enrolment(found.metadata.namespace), self._allowed_names)

    def winner(self, identity: Identity) -> Entry | None:
        """Who claims this identity, shown or not."""
        return self._claims.winner(identity)

    def at(self, ref: Ref) -> Entry | None:
        """The admitted variable of this name."""
        found = self._found.get(ref.namespace, {}).get(ref.name)
        return self._entries.get(found.metadata.uid) if found is not None else None

    def expect(self, tenant: str, version: int) -> None:
        """Reads of this tenant wait from now on until this write was seen."""
        if version > self._versions.level:
            self._unseen[tenant] = max(version, self._unseen.get(tenant, 0))

    async def seen(self, version: int, patience: float) -> bool:
        """Wait until all up to this resourceVersion is known; False after so many seconds."""
        return await self._versions.reached(version, patience)

    async def settled(self, uid: str, generation: int, patience: float) -> bool:
        """Wait until the variable is ready or stalled at this generation, or gone; False after so many seconds."""
        levels = self._settling.setdefault(uid, Levels())
        levels.reach(self._settled_at(uid))
        try:
            return await levels.reached(generation, patience)
        finally:
            if not levels:
                self._settling.pop(uid, None)

    async def gone(self, uid: str, patience: float) -> bool:
        """Wait until the variable claims nothing any more; False after so many seconds."""
        return await self.settled(uid, FOREVER, patience)

    def hide(self, uid: str) -> None:
        """We deleted it: it shows no more, whatever the watch still tells of it."""
        if (found := self._entries.get(uid)) is not None:
            self._hidden.add(uid)
            found.hidden = True
            self._show(found.identity)

    # How it is kept

    def _restored(self) -> None:
        """The cluster is as it was before: what was written since may never come, what was deleted may be back."""
        self._unseen.clear()
        hidden, self._hidden = self._hidden, set()
        for uid in hidden & self._entries.keys():
            self._file(uid, self.entry(self._entries[uid].found))

    def _file_all(self, namespace: str, before: Enrolment | None) -> None:
        if self._places.enrolment(namespace) != before:
            for found in self._found.get(namespace, {}).values():
                self._file(found.metadata.uid, self.entry(found))

    def _file(self, uid: str, new: Entry | None) -> None:
        if (old := self._entries.pop(uid, None)) is not None:
            self._claims.unfile(old)
        if new is not None:
            new.hidden = new.hidden or uid in self._hidden
            self._entries[uid] = new
            self._claims.file(new)
        for identity in {e.identity for e in (old, new) if e is not None}:
            self._show(identity)
        if (levels := self._settling.get(uid)) is not None:
            levels.reach(self._settled_at(uid))

    def _show(self, identity: Identity) -> None:
        winner = self._claims.winner(identity)
        if winner is not None and not winner.hidden:
            self._shelves[identity.tenant].put(winner)
        elif identity.tenant in self._shelves:
            self._shelves[identity.tenant].drop(identity.id)
            if not self._shelves[identity.tenant].by_id:
                del self._shelves[identity.tenant]

    def _settled_at(self, uid: str) -> int:
        """The generation at which a variable has settled; 0 while it has not.

        A winner that the controller still calls a loser will be told better soon.
        """
        found = self._entries.get(uid)
        if found is None:
            return FOREVER
        return 0 if found.reason == "Conflict" and self.winner(found.identity) is found else found.settled
