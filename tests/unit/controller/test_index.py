"""The index against a naive model that computes every answer from all that was put."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.controller.index import Affected, Index
from runtimeenv.core.identity import Identity, Layer, Project, Ref, Scope, Tenant, Workspace
from runtimeenv.core.tenancy import Enrolment
from tests.unit.controller.naive_index import ENVS, PLACES, Model, bare

ENROLMENTS = (None, Enrolment("t"), Enrolment("t", "w"), Enrolment("t", project="p"), Enrolment("u"))
SCOPES: tuple[Scope, ...] = (Tenant("t"), Workspace("t", "w"), Project("t", "p"), Tenant("u"))

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
