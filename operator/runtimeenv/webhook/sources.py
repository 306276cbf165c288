"""Which of a variable's sources counts, when a write brings more than one (design §5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runtimeenv.errors import Invalid

SOURCES: Final = ("value", "sealedValue", "valueFrom")


def replaced(spec: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """The sources that the write only carries over, where it adds another: they go.

    ``stored`` is the spec before the write, empty for a new object. Raises Invalid for two that are added together.
    """
    present = [name for name in SOURCES if spec.get(name) is not None]
    carried = [name for name in present if name in stored and stored[name] == spec[name]]
    if len(present) < 2:
        return []
    if len(present) - len(carried) != 1:
        raise Invalid("spec", f"has more than one source: keep one of {', '.join(SOURCES)}")
    return carried
