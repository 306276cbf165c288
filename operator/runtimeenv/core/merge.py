"""The merge order (design §5.4): which variable wins for each NAME, and what it hides.

Later wins: tenant all < tenant target < workspace all < workspace target < project all < project target. Steps seven
(the pod's own env) and eight (its run-env) happen in the pod: see ``core.inject``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from runtimeenv.core.identity import Layer, Project, Scope, Shape, Tenant, Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Merged(Generic[T]):
    """The winner of one NAME, and those that it hides, narrowest first."""

    winner: T
    shadows: tuple[T, ...] = ()


def layers(tenant: str, shape: Shape) -> tuple[Layer, ...]:
    """The layers that a shape sees, widest first: two for each of its scopes."""
    scopes: list[Scope] = [Tenant(tenant)]
    if shape.workspace is not None:
        scopes.append(Workspace(tenant, shape.workspace))
    if shape.project is not None:
        scopes.append(Project(tenant, shape.project))
    return tuple(Layer(scope, target) for scope in scopes for target in ("all", shape.surface))


def merge(found: Iterable[Mapping[str, T]]) -> dict[str, Merged[T]]:
    """Merge layers given widest first, each a mapping by NAME. The answer is sorted by NAME."""
    merged: dict[str, Merged[T]] = {}
    for layer in found:
        for name, item in layer.items():
            wider = merged.get(name)
            merged[name] = Merged(item, (wider.winner, *wider.shadows) if wider else ())
    return dict(sorted(merged.items()))
