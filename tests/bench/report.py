"""What a bench prints: ratios to a floor of the same run, each beside its bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison; ``bar`` is the ratio to hold: ``<= 2.5``, ``>= 0.8``, or empty where none is set."""

    what: str
    ours: float
    floor: float
    unit: str
    bar: str = ""

    @property
    def ratio(self) -> float:
        """Ours over the floor's."""
        return self.ours / self.floor

    @property
    def met(self) -> bool:
        """Whether the bar is held."""
        word, _, limit = self.bar.partition(" ")
        return {"": True, "<=": self.ratio <= float(limit or 0), ">=": self.ratio >= float(limit or 0)}[word]


def table(rows: Sequence[Row]) -> str:
    """The rows under each other."""
    lines = [f"{'':46} {'ours':>10} {'floor':>10} {'ratio':>7}  bar"]
    for row in rows:
        verdict = f"{row.bar} {'met' if row.met else 'MISSED'}" if row.bar else ""
        lines.append(f"{row.what:46} {row.ours:>10.4g} {row.floor:>10.4g} {row.ratio:>7.2f}  {verdict} ({row.unit})")
    return "\n".join(lines)
