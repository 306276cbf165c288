"""Who claims which identity, and who wins (design §3): pure bookkeeping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from runtimeenv.controller.records import Record
from runtimeenv.core.identity import Identity, Layer


class Claims:
    """The claimants of each identity, the winner first."""

    def __init__(self) -> None:
        self._layers: defaultdict[Layer, dict[str, list[Record]]] = defaultdict(dict)

    def winner(self, identity: Identity) -> Record | None:
        """The oldest claimant, then by namespace/name; None where nobody claims."""
        claimants = self._layers[identity.layer].get(identity.name) if identity.layer in self._layers else None
        return claimants[0] if claimants else None

    def claimants(self, identity: Identity) -> tuple[Record, ...]:
        """All claimants, the winner first."""
        return tuple(self._layers.get(identity.layer, {}).get(identity.name, ()))

    def enabled(self, layer: Layer) -> Mapping[str, Record]:
        """The layer's enabled winners by NAME; a disabled winner keeps its claim, and hides no wider layer."""
        found = self._layers.get(layer, {})
        return {name: claimants[0] for name, claimants in found.items() if claimants[0].enabled}

    def file(self, record: Record) -> None:
        """Let a record claim, in the place of an older version of itself if there is one."""
        claimants = self._layers[record.identity.layer].setdefault(record.identity.name, [])
        claimants[:] = sorted([*(c for c in claimants if c.uid != record.uid), record], key=lambda c: c.claim)

    def unfile(self, record: Record) -> None:
        """Take a record's claim away, if it has one."""
        found = self._layers.get(record.identity.layer, {})
        claimants = found.get(record.identity.name, [])
        claimants[:] = [c for c in claimants if c.uid != record.uid]
        if not claimants and record.identity.name in found:
            del found[record.identity.name]
            if not found:
                del self._layers[record.identity.layer]
