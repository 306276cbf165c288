"""What sealing needs, from two mounted folders; both are optional, and read again when they change (design §7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runtimeenv.crypto.compare import COMPARE_KEY_SIZE
from runtimeenv.crypto.seal import SealingKey
from runtimeenv.errors import Invalid, KeyUnavailable
from runtimeenv.serving.sealing_key import PublishedKey

PRIMARY: Final = "primary"

_COMPARE_ID: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class CompareKeys:
    """Compare keys by their id; new tags are made with the primary one."""

    primary: str
    by_id: Mapping[str, bytes] = field(repr=False)


class Keys:
    """The keys as they were last loaded, if any."""

    def __init__(self) -> None:
        self._published = PublishedKey()
        self.load_sealing = self._published.load
        self._compare: CompareKeys | None = None

    @property
    def sealing(self) -> SealingKey:
        """The public key. Raises KeyUnavailable."""
        return self._published.current()

    @property
    def compare(self) -> CompareKeys:
        """The compare keys. Raises KeyUnavailable."""
        if self._compare is None:
            raise KeyUnavailable("spec.value can't be sealed: the operator's compare keys are not there yet")
        return self._compare

    @property
    def complete(self) -> bool:
        """Is there all that sealing needs?"""
        return self._published.loaded and self._compare is not None

    def load_compare(self, folder: Path) -> None:
        """Read ``primary`` and the keys by id. Raises Invalid; the keys that were loaded before stay."""
        try:
            by_id = {file.name: file.read_bytes() for file in folder.iterdir() if _COMPARE_ID.fullmatch(file.name)}
            primary = (folder / PRIMARY).read_text().strip()
        except (OSError, ValueError):
            raise Invalid(PRIMARY, "not mounted: values are refused until it is") from None
        if primary not in by_id or any(len(key) != COMPARE_KEY_SIZE for key in by_id.values()):
            raise Invalid(PRIMARY, f"names no key, or a key has not {COMPARE_KEY_SIZE} bytes")
        self._compare = CompareKeys(primary, by_id)
