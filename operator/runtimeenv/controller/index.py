"""Records and RuntimeEnvs, meeting at the layer: pure bookkeeping, no I/O (architecture §2).

A record lies under its identity, a RuntimeEnv under the six layers at most that it sees. Whatever changes answers with
what it affects; nothing is ever scanned for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from runtimeenv.controller.census import Census
from runtimeenv.controller.claims import Claims
from runtimeenv.controller.records import Record
from runtimeenv.core.identity import Identity, Layer, Ref, Shape
from runtimeenv.core.merge import layers
from runtimeenv.core.tenancy import Enrolment


@dataclass(frozen=True, slots=True)
class Affected:
    """What a change touches: RuntimeEnvs to materialize again, variables whose claim was won or lost."""

    environments: frozenset[Ref] = frozenset()
    variables: frozenset[Ref] = frozenset()

    def __or__(self, other: Affected) -> Affected:
        return Affected(self.environments | other.environments, self.variables | other.variables)


@dataclass(frozen=True, slots=True)
class Holders:
    """The RuntimeEnvs of a record's layer. Broken ones, which can't be written, count in ``total`` alone."""

    held: frozenset[Ref]
    waiting: frozenset[Ref]
    total: int


@dataclass(slots=True)
class Environment:
    """One RuntimeEnv as the index knows it. ``materialized``: the tick up to which its Secret is known to be right."""

    ref: Ref
    uid: str
    shape: Shape
    layers: tuple[Layer, ...] = ()
    materialized: int = 0
    broken: bool = False


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
        self._claims = Claims()
        self._environments: dict[Ref, Environment] = {}
        self._by_layer: defaultdict[Layer, set[Ref]] = defaultdict(set)
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
            self._tenants[place.enrolment.tenant].discard(namespace)
        if enrolment is not None:
            self._tenants[enrolment.tenant].add(namespace)
        place.uid, place.enrolment = uid, enrolment
        for ref in place.environments:
            self._place_environment(self._environments[ref])
        for record_uid in place.records:
            affected |= self.refile(record_uid)
        return affected

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
        """A record that we wrote, or saw in a version that we did not write (``foreign``); old ones don't count."""
        known = self._records.get(record.uid)
        if known is not None and record.version <= known.version:
            return Affected()
        (self._foreign.add if foreign else self._foreign.discard)(record.uid)
        self._records[record.uid] = record
        self._place(record.ref.namespace).records.add(record.uid)
        moved = known is not None and (known.identity, known.claim) != (record.identity, record.claim)
        affected = self._change(known, file=False) if known is not None and moved else Affected()
        affected |= self._change(record, file=True)
        self._ticks[record.uid] = self.tick
        return affected

    def remove(self, uid: str, version: int) -> Affected:
        """A record's Secret is gone, as of this version."""
        known = self._records.get(uid)
        if known is None or version < known.version:
            return Affected()
        affected = self._change(known, file=False)
        del self._records[uid]
        self._ticks.pop(uid, None)
        self._foreign.discard(uid)
        self._place(known.ref.namespace).records.discard(uid)
        return affected

    def refile(self, uid: str) -> Affected:
        """A variable appeared or went: its record counts only while it exists."""
        record = self._records.get(uid)
        return self._change(record, file=True) if record is not None else Affected()

    def start(self) -> None:
        """Everything put so far was there at the start: nobody changed it since."""
        self._ticks.clear()
        self._foreign.clear()

    def orphans(self) -> list[Record]:
        """Records whose variable does not exist."""
        return [record for record in self._records.values() if not self._census.exists(record.ref, record.uid)]

    def knows(self, namespace: str) -> bool:
        """Was this namespace seen at all?"""
        place = self._places.get(namespace)
        return place is not None and bool(place.uid)

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
        environments = frozenset(self._by_layer.get(record.identity.layer, ()))
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
        return self._environments.get(ref)

    def environments(self, namespace: str) -> set[Ref]:
        """The RuntimeEnvs of a namespace."""
        place = self._places.get(namespace)
        return set(place.environments) if place else set()

    def put_environment(self, ref: Ref, uid: str, shape: Shape) -> None:
        """A RuntimeEnv exists with this shape."""
        known = self._environments.get(ref)
        if known is not None and (known.uid, known.shape) == (uid, shape):
            return
        self.remove_environment(ref)
        self._environments[ref] = Environment(ref, uid, shape)
        self._place(ref.namespace).environments.add(ref)
        self._place_environment(self._environments[ref])

    def remove_environment(self, ref: Ref) -> None:
        """A RuntimeEnv is gone."""
        known = self._environments.pop(ref, None)
        if known is not None:
            self._lift_environment(known)
            self._places[ref.namespace].environments.discard(ref)

    def _place_environment(self, environment: Environment) -> None:
        self._lift_environment(environment)
        enrolment = self.enrolment(environment.ref.namespace)
        environment.layers = layers(enrolment.tenant, environment.shape) if enrolment else ()
        environment.materialized = -1
        for layer in environment.layers:
            self._by_layer[layer].add(environment.ref)

    def _lift_environment(self, environment: Environment) -> None:
        for layer in environment.layers:
            self._by_layer[layer].discard(environment.ref)
            if not self._by_layer[layer]:
                del self._by_layer[layer]

    def found(self, environment: Environment) -> list[Mapping[str, Record]]:
        """For each layer, widest first: the enabled winners by NAME."""
        return [self._claims.enabled(layer) for layer in environment.layers]

    def holders(self, record: Record) -> Holders:
        """Which RuntimeEnvs hold the record's present state, and which are still to be written."""
        tick = self._ticks.get(record.uid, 0)
        environments = [self._environments[ref] for ref in self._by_layer.get(record.identity.layer, ())]
        return Holders(
            frozenset(e.ref for e in environments if e.materialized >= tick),
            frozenset(e.ref for e in environments if e.materialized < tick and not e.broken),
            len(environments),
        )
