"""Which RuntimeEnvs see which layers: pure bookkeeping (architecture §2)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from runtimeenv.core.identity import Layer, Ref, Shape


@dataclass(slots=True)
class Environment:
    """One RuntimeEnv as the index knows it. ``materialized``: the tick up to which its Secret is known to be right.

    Of other layers, it is another object: a run that began before does not count for it.
    """

    ref: Ref
    uid: str
    shape: Shape
    layers: tuple[Layer, ...] = ()
    materialized: int = -1
    broken: bool = False
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Holders:
    """The RuntimeEnvs of a layer. Broken ones, which can't be written, count in ``total`` alone."""

    held: frozenset[Ref]
    waiting: frozenset[Ref]
    total: int


class Layout:
    """RuntimeEnvs by name, and by each of the six layers at most that they see."""

    def __init__(self) -> None:
        self._environments: dict[Ref, Environment] = {}
        self._by_layer: defaultdict[Layer, set[Ref]] = defaultdict(set)

    def environment(self, ref: Ref) -> Environment | None:
        """A RuntimeEnv by its name."""
        return self._environments.get(ref)

    def at(self, layer: Layer) -> list[Environment]:
        """The RuntimeEnvs that see a layer."""
        return [self._environments[ref] for ref in self._by_layer.get(layer, ())]

    def holders(self, layer: Layer, tick: int) -> Holders:
        """Which of a layer's RuntimeEnvs are right up to a tick, and which are still to be written."""
        environments = self.at(layer)
        return Holders(
            frozenset(e.ref for e in environments if e.materialized >= tick),
            frozenset(e.ref for e in environments if e.materialized < tick and not e.broken),
            len(environments),
        )

    def place(self, environment: Environment) -> None:
        """File a RuntimeEnv, in the place of the one of its name."""
        self.lift(environment.ref)
        self._environments[environment.ref] = environment
        for layer in environment.layers:
            self._by_layer[layer].add(environment.ref)

    def lift(self, ref: Ref) -> None:
        """Take a RuntimeEnv away, if there is one of this name."""
        known = self._environments.pop(ref, None)
        for layer in known.layers if known is not None else ():
            self._by_layer[layer].discard(ref)
            if not self._by_layer[layer]:
                del self._by_layer[layer]
