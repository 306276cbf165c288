"""Which of a variable's sources counts, when a write brings more than one (design §5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from runtimeenv.errors import Invalid

SOURCES: Final = ("value", "sealedValue", "valueFrom")


def replaced(brought: Mapping[str, Raw], stored: Mapping[str, Raw]) -> list[str]:
    """The sources that the write only carries over, where it adds another: they go.

    ``stored`` are those before the write, none for a new object. An API server writes both in one way, so what is equal
    is so byte for byte. Raises Invalid for two that are added together.
    """
    present = [name for name in SOURCES if name in brought]
    carried = [name for name in present if stored.get(name) == brought[name]]
    if len(present) < 2:
        return []
    if len(present) - len(carried) != 1:
        raise Invalid("spec", f"has more than one source: keep one of {', '.join(SOURCES)}")
    return carried
