"""The merge order (design §5.4)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.core.identity import Layer, Project, Shape, Tenant, Workspace
from runtimeenv.core.merge import Merged, layers, merge
from tests.unit.core.strategies import ids, shapes, variable_names

found = st.lists(st.dictionaries(variable_names, st.integers(), max_size=5), max_size=6)


def test_the_six_layers_of_a_full_shape_are_in_the_order_of_the_design() -> None:
    assert layers("t", Shape("agent", "w", "p")) == (
        Layer(Tenant("t"), "all"),
        Layer(Tenant("t"), "agent"),
        Layer(Workspace("t", "w"), "all"),
        Layer(Workspace("t", "w"), "agent"),
        Layer(Project("t", "p"), "all"),
        Layer(Project("t", "p"), "agent"),
    )


@given(ids, shapes)
def test_a_shape_sees_its_own_tenant_surface_and_ids_alone(tenant: str, shape: Shape) -> None:
    seen = layers(tenant, shape)
    assert len(seen) == len(set(seen)) == 2 + 2 * (shape.workspace is not None) + 2 * (shape.project is not None)
    assert {layer.scope.tenant for layer in seen} == {tenant}
    assert {layer.target for layer in seen} == {"all", shape.surface}
    assert {layer.scope.workspace for layer in seen if isinstance(layer.scope, Workspace)} <= {shape.workspace}
    assert {layer.scope.project for layer in seen if isinstance(layer.scope, Project)} <= {shape.project}


@given(found)
def test_the_narrowest_layer_that_has_a_name_wins_it(found: list[dict[str, int]]) -> None:
    merged = merge(found)
    assert set(merged) == {name for layer in found for name in layer}
    for name, one in merged.items():
        having = [layer[name] for layer in found if name in layer]
        assert [one.winner, *one.shadows] == having[::-1]


@given(found)
def test_the_answer_is_sorted_by_name(found: list[dict[str, int]]) -> None:
    assert list(merge(found)) == sorted(merge(found))


@given(found, st.data())
def test_taking_a_winner_away_lets_the_next_wider_show_through(
    found: list[dict[str, int]], data: st.DataObject
) -> None:
    merged = merge(found)
    if not merged:
        return
    name = data.draw(st.sampled_from(sorted(merged)))
    narrowest = max(i for i, layer in enumerate(found) if name in layer)
    without = [{k: v for k, v in layer.items() if (i, k) != (narrowest, name)} for i, layer in enumerate(found)]
    left = merge(without)
    shadows = merged[name].shadows
    assert left.get(name) == (Merged(shadows[0], shadows[1:]) if shadows else None)
    assert {k: v for k, v in left.items() if k != name} == {k: v for k, v in merged.items() if k != name}


@given(found)
def test_merging_in_two_steps_is_merging_at_once(found: list[dict[str, int]]) -> None:
    wide, narrow = found[:3], found[3:]
    winners = [{name: one.winner for name, one in merge(part).items()} for part in (wide, narrow)]
    assert {n: m.winner for n, m in merge(winners).items()} == {n: m.winner for n, m in merge(found).items()}


def test_a_layer_without_the_name_changes_nothing() -> None:
    assert merge([{"A": 1}, {}, {"B": 2}]) == {"A": Merged(1), "B": Merged(2)}
