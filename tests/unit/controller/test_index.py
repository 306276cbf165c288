"""The index against a naive model that computes every answer from all that was put."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.controller.census import Census, Entry
from runtimeenv.controller.index import Affected, Index
from runtimeenv.controller.records import Origin, Record
from runtimeenv.core.identity import Identity, Layer, Project, Ref, Scope, Shape, Tenant, Workspace
from runtimeenv.core.merge import layers
from runtimeenv.core.tenancy import Enrolment

NOON = "2026-11-24T12:00:00.000000Z"
PLACES = ("a", "b", "c")
ENROLMENTS = (None, Enrolment("t"), Enrolment("t", "w"), Enrolment("t", project="p"), Enrolment("u"))
SCOPES: tuple[Scope, ...] = (Tenant("t"), Workspace("t", "w"), Project("t", "p"), Tenant("u"))
SHAPES = (Shape("sandbox"), Shape("agent", "w"), Shape("sandbox", "w", "p"))
ENVS = {Ref(place, f"e{n}"): shape for place in PLACES for n, shape in enumerate(SHAPES)}

places, numbers = st.sampled_from(PLACES), st.integers(0, 2)
COMMON = Identity(Layer(Tenant("t"), "all"), "X")
identities = st.just(COMMON) | st.builds(
    Identity,
    st.builds(Layer, st.sampled_from(SCOPES), st.sampled_from(("all", "sandbox"))),
    st.sampled_from(("X", "Y")),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), places, numbers, identities, st.booleans(), st.integers(0, 2)),
        st.tuples(st.just("put"), places, numbers, identities, st.booleans(), st.integers(0, 2)),
        st.tuples(st.sampled_from(("remove", "exists", "gone", "wiped", "tampered")), places, numbers),
        st.tuples(st.just("enrol"), places, st.sampled_from(ENROLMENTS)),
        st.tuples(st.sampled_from(("env", "no env", "write", "write")), st.sampled_from(sorted(ENVS))),
        st.tuples(st.just("write all"), places),
    ),
    max_size=30,
)


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


@settings(deadline=None, max_examples=400)
@given(STEPS)
def test_it_answers_as_if_it_computed_everything_anew(steps: list[tuple[str, str]]) -> None:
    model = Model()
    for place in PLACES:
        model.do("enrol", place, Enrolment("t"))
    for number in range(3):
        model.do("exists", "a", number)
        model.do("exists", "b", number)
    for ref in ENVS:
        model.do("env", ref)
    for step in steps:
        before = {ref: model.contents(ref) for ref in model.envs}
        winners = {r.uid: model.winner(r.identity) == r for r in model.counting()}
        affected = model.do(*step)
        model.check()
        changed = {ref for ref in model.envs if ref in before and bare(model.contents(ref)) != bare(before[ref])}
        assert changed <= affected.environments, "what changes for pods is told"
        lost = {
            r.ref for r in model.counting() if r.uid in winners and winners[r.uid] != (model.winner(r.identity) == r)
        }
        own = {Ref(str(step[1]), f"v{step[-1]}"), Ref(str(step[1]), f"v{step[2 % len(step)]}")}
        assert lost - own <= affected.variables, "who won or lost a claim is told"


def bare(held: list[tuple[str, Record]]) -> object:
    return [(name, replace(record, version=0)) for name, record in held]


def test_who_takes_over_is_held_after_the_next_write_alone() -> None:
    model = Model()
    model.do("enrol", "a", Enrolment("t"))
    model.do("env", Ref("a", "e0"))
    for number in range(2):
        model.do("exists", "a", number)
        model.do("put", "a", number, COMMON, True, number)
    model.do("write all", "a")
    affected = model.do("gone", "a", 0)
    assert affected == Affected(frozenset({Ref("a", "e0")}), frozenset({Ref("a", "v1")}))
    assert model.index.holders(model.records["uid-a/v1"]).waiting == {Ref("a", "e0")}
    model.do("write all", "a")
    assert model.index.holders(model.records["uid-a/v1"]).held == {Ref("a", "e0")}


def test_nothing_is_kept_of_what_is_gone() -> None:
    model = Model()
    for place in PLACES:
        model.do("enrol", place, Enrolment("t"))
        model.do("exists", place, 1)
        model.do("put", place, 1, COMMON, True, 0)
        model.do("env", Ref(place, "e0"))
        model.do("gone", place, 1)
        model.do("remove", place, 1)
        model.do("no env", Ref(place, "e0"))
        model.index.enrol(place, "", None)
    fresh = Index(model.census)
    fresh.tick = model.index.tick
    assert kept(model.index) == kept(fresh)


def kept(part: object) -> object:
    """All state, down to plain values."""
    if isinstance(part, dict):
        return {str(key): kept(value) for key, value in part.items()}
    if isinstance(part, Index) or type(part).__name__ in ("Claims", "Layout"):
        return kept(vars(part))
    return part
