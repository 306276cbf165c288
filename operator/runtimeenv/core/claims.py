"""Who claims which identity, and who wins (design §3): pure bookkeeping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from runtimeenv.core.identity import Identity, Layer, Ref


class Claimant(Protocol):
    """A variable's object, as far as its claim goes."""

    @property
    def uid(self) -> str: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def claim(self) -> tuple[str, Ref]:
        """(creationTimestamp, namespace/name): of several claimants of one identity the least wins (design §3)."""


C = TypeVar("C", bound=Claimant)


class Claims(Generic[C]):
    """The claimants of each identity, the winner first."""

    def __init__(self) -> None:
        self._layers: defaultdict[Layer, dict[str, list[C]]] = defaultdict(dict)

    def winner(self, identity: Identity) -> C | None:
        """The oldest claimant, then by namespace/name; None where nobody claims."""
        claimants = self._layers[identity.layer].get(identity.name) if identity.layer in self._layers else None
        return claimants[0] if claimants else None

    def claimants(self, identity: Identity) -> tuple[C, ...]:
        """All claimants, the winner first."""
        return tuple(self._layers.get(identity.layer, {}).get(identity.name, ()))

    def enabled(self, layer: Layer) -> Mapping[str, C]:
        """The layer's enabled winners by NAME; a disabled winner keeps its claim, and hides no wider layer."""
        found = self._layers.get(layer, {})
        return {name: claimants[0] for name, claimants in found.items() if claimants[0].enabled}

    def file(self, claimant: C) -> None:
        """Let an object claim, in the place of an older version of itself if there is one."""
        claimants = self._layers[claimant.identity.layer].setdefault(claimant.identity.name, [])
        claimants[:] = sorted([*(c for c in claimants if c.uid != claimant.uid), claimant], key=lambda c: c.claim)

    def unfile(self, claimant: C) -> None:
        """Take an object's claim away, if it has one."""
        found = self._layers.get(claimant.identity.layer, {})
        claimants = found.get(claimant.identity.name, [])
        claimants[:] = [c for c in claimants if c.uid != claimant.uid]
        if not claimants and claimant.identity.name in found:
            del found[claimant.identity.name]
            if not found:
                del self._layers[claimant.identity.layer]
