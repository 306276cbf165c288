"""The operator's public key, from a mounted folder; an optional mount, read again when it changes (design §7)."""

from __future__ import annotations

from pathlib import Path

from runtimeenv.crypto.seal import KEY_FIELD, SealingKey
from runtimeenv.errors import Invalid, KeyUnavailable


class PublishedKey:
    """The key as it was last loaded, if any."""

    def __init__(self) -> None:
        self._loaded: SealingKey | None = None

    @property
    def loaded(self) -> bool:
        """Is there one?"""
        return self._loaded is not None

    def current(self) -> SealingKey:
        """Raises KeyUnavailable."""
        if self._loaded is None:
            raise KeyUnavailable("spec.value can't be sealed: the operator's public key is not published yet")
        return self._loaded

    def load(self, folder: Path) -> None:
        """Read ``sealing-key``. Raises Invalid; the key that was loaded before stays."""
        try:
            self._loaded = SealingKey.parse((folder / KEY_FIELD).read_text())
        except (OSError, ValueError):
            raise Invalid(KEY_FIELD, "not mounted: values are refused until it is") from None
