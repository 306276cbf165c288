"""Mounted folders (Secrets, ConfigMaps) that change while a process runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Never

from runtimeenv.errors import Invalid

EVERY: Final = 2.0
"""Seconds between looks. The kubelet itself takes up to a minute to bring a change."""

log: Final = logging.getLogger(__name__)


class Folder:
    """Calls ``load`` with the folder's path when its files are not those of the last look.

    ``load`` raises Invalid for files that can't be used; what it loaded before stays in use.
    """

    def __init__(self, path: Path, load: Callable[[Path], None]) -> None:
        self._path = path
        self._load = load
        self._seen: dict[str, bytes] | None = None

    def look(self) -> None:
        """Load now, if something changed."""
        folder = self._current()
        found = _files(folder)
        if found == self._seen:
            return
        self._seen = found
        try:
            self._load(folder)
        except Invalid as error:
            log.warning("mounted files not usable", extra={"ref": self._path.name, "reason": str(error)})
        else:
            log.info("mounted files loaded", extra={"ref": self._path.name})

    async def follow(self) -> Never:
        """Look again and again."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def _current(self) -> Path:
        """The kubelet swaps the link ``..data``: behind it, files of one version stand together."""
        link = self._path / "..data"
        return link.resolve() if link.is_symlink() else self._path


def _files(folder: Path) -> dict[str, bytes]:
    try:
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}
    except OSError:
        return {}
