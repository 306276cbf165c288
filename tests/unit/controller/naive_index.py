"""The index as it would be if it computed everything anew: what the real one is held to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from runtimeenv.controller.census import Census, Entry
from runtimeenv.controller.index import Affected, Index
from runtimeenv.controller.records import Origin, Record
from runtimeenv.core.identity import Identity, Layer, Ref, Shape
from runtimeenv.core.merge import layers
from runtimeenv.core.tenancy import Enrolment

NOON = "2026-11-24T12:00:00.000000Z"


PLACES = ("a", "b", "c")


SHAPES = (Shape("sandbox"), Shape("agent", "w"), Shape("sandbox", "w", "p"))


ENVS = {Ref(place, f"e{n}"): shape for place in PLACES for n, shape in enumerate(SHAPES)}


@dataclass
class Model:
    """What was put, and what was written into each RuntimeEnv; and the index, told the same."""

    census: Census = field(default_factory=lambda: Census(lambda _namespace: None, lambda: 0))
    index: Index = field(init=False)
    records: dict[str, Record] = field(default_factory=dict)
    existing: set[str] = field(default_factory=set)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    envs: dict[Ref, Shape] = field(default_factory=dict)
    written: dict[Ref, list[tuple[str, Record]]] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        self.index = Index(self.census)

    def do(self, action: str, place: str | Ref, *rest: object) -> Affected:
        self.version += 1
        if isinstance(place, Ref):
            return self.do_environment(action, place)
        if action == "write all":
            for ref in self.envs:
                self.do_environment("write", ref)
            return Affected()
        if action == "enrol":
            return self.do_enrol(place, rest[0])  # type: ignore[arg-type]
        if action == "put":
            return self.do_put(Ref(place, f"v{rest[0]}"), *rest[1:])  # type: ignore[arg-type]
        return self.do_variable(action, Ref(place, f"v{rest[0]}"))

    def do_put(self, ref: Ref, identity: Identity, enabled: bool, created: int) -> Affected:
        uid, stamp = f"uid-{ref}", str(created)
        record = Record(ref, uid, self.version, identity, enabled, stamp, Origin(self.version), NOON, NOON, None)
        self.records[uid] = record
        return self.index.put(record)

    def do_variable(self, action: str, ref: Ref) -> Affected:
        uid = f"uid-{ref}"
        if action == "tampered":
            return self.index.overwritten(uid, self.version)
        if action == "wiped":
            if uid in self.records and self.records[uid] not in self.counting():
                del self.records[uid]
            return self.index.vanished(uid)
        if action == "remove":
            self.records.pop(uid, None)
            return self.index.remove(uid)
        if action == "exists":
            self.existing.add(uid)
            self.census.put(ref, Entry(uid, 1))
        else:
            self.existing.discard(uid)
            self.census.remove(ref, uid)
        lost = self.index.record(uid)
        if action == "gone" and lost is not None and not lost.version:
            self.records.pop(uid, None)
        return self.index.refile(uid)

    def do_enrol(self, place: str, enrolment: Enrolment | None) -> Affected:
        self.enrolments.pop(place, None)
        if enrolment is not None:
            self.enrolments[place] = enrolment
        lost = [
            u
            for u, r in self.records.items()
            if (known := self.index.record(u)) and not known.version and r.ref.namespace == place
        ]
        affected = self.index.enrol(place, f"uid-{place}", enrolment)
        for uid in lost:
            if self.records[uid] not in self.counting():
                del self.records[uid]
        return affected

    def do_environment(self, action: str, ref: Ref) -> Affected:
        if action == "env":
            self.envs[ref] = ENVS[ref]
            self.index.put_environment(ref, f"uid-{ref}", ENVS[ref])
        elif action == "no env":
            self.envs.pop(ref, None)
            self.written.pop(ref, None)
            self.index.remove_environment(ref)
        elif (environment := self.index.environment(ref)) is not None:
            environment.materialized = self.index.tick
            self.written[ref] = self.contents(ref)
        return Affected()

    # What should be.

    def counting(self) -> list[Record]:
        def counts(record: Record) -> bool:
            enrolment = self.enrolments.get(record.ref.namespace)
            return record.uid in self.existing and bool(enrolment and enrolment.admits(record.identity.layer.scope))

        return [record for record in self.records.values() if counts(record)]

    def winner(self, identity: Identity) -> Record | None:
        claimants = [record for record in self.counting() if record.identity == identity]
        return min(claimants, key=lambda r: (r.created, r.ref), default=None)

    def seen(self, ref: Ref) -> tuple[Layer, ...]:
        enrolment = self.enrolments.get(ref.namespace)
        return layers(enrolment.tenant, self.envs[ref]) if enrolment else ()

    def found(self, ref: Ref) -> list[dict[str, Record]]:
        records = self.counting()
        return [
            {
                r.identity.name: r
                for r in records
                if r.identity.layer == layer and r.enabled and self.winner(r.identity) == r
            }
            for layer in self.seen(ref)
        ]

    def contents(self, ref: Ref) -> list[tuple[str, Record]]:
        return [(name, record) for layer in self.found(ref) for name, record in sorted(layer.items())]

    def check(self) -> None:
        for record in self.records.values():
            won, expected = self.index.winner(record.identity), self.winner(record.identity)
            assert (won and won.uid) == (expected and expected.uid)
        for ref in self.envs:
            environment = self.index.environment(ref)
            assert environment is not None
            assert without_versions(self.index.found(environment)) == without_versions(self.found(ref))
        for record in self.counting():
            self.check_holders(record)

    def check_holders(self, record: Record) -> None:
        holders = self.index.holders(record)
        assert holders.held | holders.waiting == {ref for ref in self.envs if record.identity.layer in self.seen(ref)}
        won = self.winner(record.identity) == record
        for ref in holders.held:
            holding = [r for _, r in self.written.get(ref, []) if r.uid == record.uid]
            assert ref in self.written, "a RuntimeEnv that was never written holds nothing"
            if won:
                assert holding == ([record] if record.enabled else []), "held, but not as it is now"


def without_versions(found: object) -> object:
    return [{name: replace(record, version=0) for name, record in layer.items()} for layer in found]  # type: ignore[attr-defined]


def bare(held: list[tuple[str, Record]]) -> object:
    return [(name, replace(record, version=0)) for name, record in held]
