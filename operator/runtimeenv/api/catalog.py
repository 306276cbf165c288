"""The variables by tenant and id, kept by a watch: what reads answer from, and what writes start from.

Rules are the controller's: only admitted objects claim an identity, the oldest claimant wins, and only it shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from runtimeenv.api.claimants import Claimant, Entry, entry
from runtimeenv.api.shelf import Shelf
from runtimeenv.api.waiting import FOREVER, Levels
from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.core import names
from runtimeenv.core.claims import Claims
from runtimeenv.core.identity import Identity, Ref, scope_fields
from runtimeenv.core.tenancy import Enrolment, enrolment
from runtimeenv.errors import NoHome, NotFound, Unavailable

if TYPE_CHECKING:
    from runtimeenv.api.bearers import Bearer

PATIENCE: Final = 2.0
"""Seconds that a read waits for what it must have seen (design §8)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A list's filters; None lets everything through."""

    scope: str | None = None
    workspace_id: str | None = None
    project_id: str | None = None
    target: str | None = None

    def takes(self, identity: Identity) -> bool:
        """Does the variable pass every filter?"""
        kind, _, workspace, project = scope_fields(identity.layer.scope)
        return (
            self.scope in (None, kind)
            and self.workspace_id in (None, workspace)
            and self.project_id in (None, project)
            and self.target in (None, identity.layer.target)
        )


EVERYTHING: Final = Selection()


@dataclass(slots=True)
class _Place:
    """A namespace and the variables in it, admitted or not."""

    enrolment: Enrolment | None = None
    home: bool = False
    terminating: bool = False
    variables: dict[str, Claimant] = field(default_factory=dict)


class Catalog:
    """`put_…`, `remove_…` are the reflectors' (of CLAIMANTS and NAMESPACES), `advanced` is the variables' one's."""

    def __init__(self, allowed_names: frozenset[str] = frozenset()) -> None:
        self._allowed_names = allowed_names
        self._places: defaultdict[str, _Place] = defaultdict(_Place)
        self._tenants: defaultdict[str, set[str]] = defaultdict(set)
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
        place = self._places[meta.namespace]
        place.variables[meta.name] = new
        self._file(new, place.enrolment)

    def remove_variable(self, last: Claimant) -> None:
        """A variable is gone."""
        meta = last.metadata
        place = self._places[meta.namespace]
        place.variables.pop(meta.name, None)
        self._file(last, None)
        self._hidden.discard(meta.uid)
        self._tidy(meta.namespace)

    def put_namespace(self, new: AnnotatedMetadata, _old: AnnotatedMetadata | None = None) -> None:
        """A namespace appeared or changed."""
        meta = new.metadata
        place = self._places[meta.name]
        place.home = meta.labels.get(names.HOME_LABEL) == "true"
        place.terminating = meta.deletion_timestamp is not None
        self._enrol(meta.name, enrolment(meta.labels, meta.annotations))

    def remove_namespace(self, last: AnnotatedMetadata) -> None:
        """A namespace is gone."""
        self._enrol(last.metadata.name, None)
        self._tidy(last.metadata.name)

    def advanced(self, version: str) -> None:
        """The watch of the variables has told all up to this resourceVersion."""
        if int(version) < self._versions.level:
            self._unseen.clear()  # the cluster was restored: what was written after may never come
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
        found = list(shelf.entries) if shelf is not None else []
        if selection != EVERYTHING:
            found = [e for e in found if selection.takes(e.identity)]
        if bearer.scopes or bearer.workspaces or bearer.projects:
            found = [e for e in found if bearer.reaches(e.identity.layer.scope)]
        return found

    def knows_tenant(self, tenant: str) -> bool:
        """Is any namespace enrolled under this tenant?"""
        return tenant in self._tenants

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
        homes = sorted(n for n in self._tenants.get(tenant, ()) if self._is_home(self._places[n]))
        alive = [n for n in homes if not self._places[n].terminating]
        if len(alive) == 1:
            return alive[0]
        mend = f'an administrator labels one namespace of the whole tenant {names.HOME_LABEL}: "true"'
        if alive:
            raise NoHome(f"the tenant has {len(alive)} home namespaces: {mend}, and no other")
        if homes:
            raise Unavailable(0, f"write in {homes[0]}, which is being deleted")
        raise NoHome(f"the tenant has no home namespace: {mend}")

    def enrolment(self, namespace: str) -> Enrolment | None:
        """What a namespace is enrolled as."""
        place = self._places.get(namespace)
        return place.enrolment if place is not None else None

    def winner(self, identity: Identity) -> Entry | None:
        """Who claims this identity, shown or not."""
        return self._claims.winner(identity)

    def at(self, ref: Ref) -> Entry | None:
        """The admitted variable of this name."""
        place = self._places.get(ref.namespace)
        found = place.variables.get(ref.name) if place is not None else None
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

    def _file(self, found: Claimant, place: Enrolment | None) -> None:
        uid = found.metadata.uid
        old = self._entries.pop(uid, None)
        new = entry(found, place, self._allowed_names)
        if old is not None:
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
        """The generation at which a variable has settled; 0 while it has not."""
        found = self._entries.get(uid)
        if found is None:
            return FOREVER
        waits = found.state == "pending" or (found.reason == "Conflict" and self.winner(found.identity) is found)
        return 0 if waits else found.generation

    def _enrol(self, namespace: str, after: Enrolment | None) -> None:
        place = self._places[namespace]
        if place.enrolment == after:
            return
        if place.enrolment is not None:
            self._tenants[place.enrolment.tenant].discard(namespace)
            if not self._tenants[place.enrolment.tenant]:
                del self._tenants[place.enrolment.tenant]
        if after is not None:
            self._tenants[after.tenant].add(namespace)
        place.enrolment = after
        for found in place.variables.values():
            self._file(found, after)

    def _tidy(self, namespace: str) -> None:
        place = self._places[namespace]
        if place.enrolment is None and not place.variables:
            del self._places[namespace]

    @staticmethod
    def _is_home(place: _Place) -> bool:
        found = place.enrolment
        return place.home and found is not None and found.workspace is None and found.project is None
