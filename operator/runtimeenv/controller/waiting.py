"""Variables that RuntimeEnvs are still to hold (design §5.5): when their status may be written, and its preview."""

from __future__ import annotations

import asyncio
from typing import Final

from runtimeenv.core.identity import Ref
from runtimeenv.core.values import Plaintext

FIRST_PROPAGATING: Final = 1.0
"""Seconds that a variable may wait for RuntimeEnvs before its status says so."""
NEXT_PROPAGATING: Final = 5.0


class Waiting:
    """What is known of each of them until it is Ready."""

    def __init__(self) -> None:
        self._until: dict[Ref, float] = {}
        self._previews: dict[Ref, tuple[str, str]] = {}

    def quiet(self, ref: Ref) -> float:
        """Seconds until a waiting variable's status may be written; 0 when it is due."""
        now = asyncio.get_running_loop().time()
        return max(self._until.setdefault(ref, now + FIRST_PROPAGATING) - now, 0.0)

    def told(self, ref: Ref) -> float:
        """Its status says that it waits; the seconds until it may be written again."""
        self._until[ref] = asyncio.get_running_loop().time() + NEXT_PROPAGATING
        return NEXT_PROPAGATING

    def keep(self, ref: Ref, value_changed: str, value: Plaintext | None) -> None:
        """Keep the preview of a value that a run has read, so that the run which reports it needn't open it again."""
        if value is not None:
            self._previews[ref] = (value_changed, value.preview)

    def preview(self, ref: Ref, value_changed: str) -> str | None:
        """The preview that was kept of the value that stands since then."""
        kept, preview = self._previews.get(ref, ("", None))
        return preview if kept == value_changed else None

    def end(self, ref: Ref) -> None:
        """It is held, or gone."""
        self._until.pop(ref, None)
        self._previews.pop(ref, None)
