"""Records and RuntimeEnvs, meeting at the layer: pure bookkeeping, no I/O (architecture §2).

A record lies under its identity, a RuntimeEnv under the six layers at most that it sees. Whatever changes answers with
what it affects; nothing is ever scanned for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runtimeenv.controller.census import Census
from runtimeenv.controller.layout import Environment, Holders, Layout
from runtimeenv.controller.records import Record
from runtimeenv.core.claims import Claims
from runtimeenv.core.identity import Identity, Ref, Shape
from runtimeenv.core.merge import layers
from runtimeenv.core.tenancy import Enrolment


@dataclass(frozen=True, slots=True)
class Affected:
    """What a change touches: RuntimeEnvs to materialize again, variables whose claim was won or lost."""

    environments: frozenset[Ref] = frozenset()
    variables: frozenset[Ref] = frozenset()

    def __or__(self, other: Affected) -> Affected:
        return Affected(self.environments | other.environments, self.variables | other.variables)


@dataclass(slots=True)
class _Place:
    """A namespace: its UID and, if it has one, its enrolment."""

    uid: str
    enrolment: Enrolment | None
    records: set[str] = field(default_factory=set)
    environments: set[Ref] = field(default_factory=set)


class Index:
    """All records and RuntimeEnvs. ``tick`` counts changes; a record's tick is that of its last, 0 since the start."""

    def __init__(self, census: Census) -> None:
        self._census = census
        self._records: dict[str, Record] = {}
        self._ticks: dict[str, int] = {}
        self._foreign: set[str] = set()
        self._claims: Claims[Record] = Claims()
        self._layout = Layout()
        self._places: dict[str, _Place] = {}
        self._tenants: defaultdict[str, set[str]] = defaultdict(set)
        self.tick = 0

    # Namespaces

    def enrolment(self, namespace: str) -> Enrolment | None:
        """The namespace's enrolment; None while it has none or is unknown."""
        place = self._places.get(namespace)
        return place.enrolment if place else None

    def namespaces(self, tenant: str) -> set[str]:
        """The namespaces of a tenant."""
        return self._tenants.get(tenant, set())

    def enrol(self, namespace: str, uid: str, enrolment: Enrolment | None) -> Affected:
        """A namespace appeared, changed or (uid "") went: file its records and RuntimeEnvs anew."""
        place = self._place(namespace)
        if (place.uid, place.enrolment) == (uid, enrolment):
            return Affected()
        affected = Affected(frozenset(place.environments))
        if place.enrolment is not None:
            self._leave(place.enrolment.tenant, namespace)
        if enrolment is not None:
            self._tenants[enrolment.tenant].add(namespace)
        place.uid, place.enrolment = uid, enrolment
        for environment in filter(None, map(self._layout.environment, place.environments)):
            self._place_environment(environment.ref, environment.uid, environment.shape)
        for record_uid in list(place.records):
            affected |= self.refile(record_uid)
        if not (uid or place.records or place.environments):
            del self._places[namespace]
        return affected

    def _leave(self, tenant: str, namespace: str) -> None:
        self._tenants[tenant].discard(namespace)
        if not self._tenants[tenant]:
            del self._tenants[tenant]

    # Records

    def record(self, uid: str) -> Record | None:
        """The newest record of this variable."""
        return self._records.get(uid)

    def foreign(self, uid: str) -> bool:
        """Was this record's Secret last written by another hand than ours?"""
        return uid in self._foreign

    def distrust(self, uid: str) -> None:
        """A record did not open: stage 1 shall write it anew."""
        self._foreign.add(uid)

    def put(self, record: Record, *, foreign: bool = False) -> Affected:
        """A record that we wrote, or saw in a version that we did not write (``foreign``); old ones don't count.

        Of a foreign one only the version counts, unless it was read later than ours: else whoever puts an older
        Secret back would have it materialized until stage 1 has written it anew.
        """
        known = self._records.get(record.uid)
        if known is not None and foreign and not known.precedes(record):
            return self.overwritten(record.uid, record.version)
        if known is not None and not foreign and known.version > record.version:
            record = replace(record, version=known.version)  # overwritten before our own write's answer came
        else:
            (self._foreign.add if foreign else self._foreign.discard)(record.uid)
        if record == known:
            return Affected()
        self._records[record.uid] = record
        self._place(record.ref.namespace).records.add(record.uid)
        moved = known is not None and (known.identity, known.claim) != (record.identity, record.claim)
        affected = self._change(known, file=False) if known is not None and moved else Affected()
        affected |= self._change(record, file=True)
        self._ticks[record.uid] = self.tick
        return affected

    def overwritten(self, uid: str, version: int) -> Affected:
        """Another hand's content stands in the record's Secret; 0: it is gone. What we know stays until we rewrite it.

        Else a wiped Secret would let a wider layer show through in between.
        """
        known = self._records.get(uid)
        if known is None or (version and version <= known.version):
            return Affected()
        self._foreign.add(uid)
        self._records[uid] = replace(known, version=version)
        self._change(self._records[uid], file=True)
        return Affected(variables=frozenset({known.ref}))

    def vanished(self, uid: str) -> Affected:
        """A record's Secret is gone: the record goes too, unless it counts, and is to be written anew."""
        known = self._records.get(uid)
        return self.overwritten(uid, 0) if known is not None and self._counts(known) else self.remove(uid)

    def remove(self, uid: str) -> Affected:
        """Forget a record."""
        known = self._records.get(uid)
        if known is None:
            return Affected()
        affected = self._change(known, file=False)
        del self._records[uid]
        self._ticks.pop(uid, None)
        self._foreign.discard(uid)
        self._place(known.ref.namespace).records.discard(uid)
        return affected

    def refile(self, uid: str) -> Affected:
        """A variable appeared or went, or its namespace changed: a record counts only while its variable does."""
        record = self._records.get(uid)
        if record is None:
            return Affected()
        if not (record.version or self._counts(record)):
            return self.remove(uid)
        return self._change(record, file=True)

    def start(self) -> None:
        """Everything put so far was there at the start: nobody changed it since."""
        self._ticks.clear()
        self._foreign.clear()

    def uid(self, namespace: str) -> str:
        """The namespace's UID; empty while it was not seen, or is gone."""
        place = self._places.get(namespace)
        return place.uid if place else ""

    def winner(self, identity: Identity) -> Record | None:
        """The claimant that is materialized."""
        return self._claims.winner(identity)

    def _change(self, record: Record, *, file: bool) -> Affected:
        """File or unfile; the rivals are affected when the winner is another one."""
        before = self._claims.winner(record.identity)
        if file and self._counts(record):
            self._claims.file(record)
        else:
            self._claims.unfile(record)
        self.tick += 1
        environments = frozenset(e.ref for e in self._layout.at(record.identity.layer))
        after = self._claims.winner(record.identity)
        if (before and before.uid) == (after and after.uid):
            return Affected(environments)
        claimants = self._claims.claimants(record.identity)
        self._ticks.update((claimant.uid, self.tick) for claimant in claimants)
        return Affected(environments, frozenset(c.ref for c in claimants if c.uid != record.uid))

    def _counts(self, record: Record) -> bool:
        enrolment = self.enrolment(record.ref.namespace)
        admitted = enrolment is not None and enrolment.admits(record.identity.layer.scope)
        return admitted and self._census.exists(record.ref, record.uid)

    def _place(self, namespace: str) -> _Place:
        return self._places.setdefault(namespace, _Place("", None))

    # RuntimeEnvs

    def environment(self, ref: Ref) -> Environment | None:
        """A RuntimeEnv by its name."""
        return self._layout.environment(ref)

    def environments(self, namespace: str) -> set[Ref]:
        """The RuntimeEnvs of a namespace."""
        place = self._places.get(namespace)
        return set(place.environments) if place else set()

    def put_environment(self, ref: Ref, uid: str, shape: Shape) -> None:
        """A RuntimeEnv exists with this shape."""
        known = self._layout.environment(ref)
        if known is not None and (known.uid, known.shape) == (uid, shape):
            return
        self._place(ref.namespace).environments.add(ref)
        self._place_environment(ref, uid, shape)

    def remove_environment(self, ref: Ref) -> None:
        """A RuntimeEnv is gone."""
        self._layout.lift(ref)
        if (place := self._places.get(ref.namespace)) is not None:
            place.environments.discard(ref)

    def _place_environment(self, ref: Ref, uid: str, shape: Shape) -> None:
        enrolment = self.enrolment(ref.namespace)
        self._layout.place(Environment(ref, uid, shape, layers(enrolment.tenant, shape) if enrolment else ()))

    def found(self, environment: Environment) -> list[Mapping[str, Record]]:
        """For each layer, widest first: the enabled winners by NAME."""
        return [self._claims.enabled(layer) for layer in environment.layers]

    def holders(self, record: Record) -> Holders:
        """Which RuntimeEnvs hold the record's present state, and which are still to be written."""
        return self._layout.holders(record.identity.layer, self._ticks.get(record.uid, 0))
