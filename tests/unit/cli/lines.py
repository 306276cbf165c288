"""Reading log lines, and putting the root logger back after a test."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any


def lines(text: str) -> list[dict[str, Any]]:
    """Each line as JSON."""
    return [json.loads(line) for line in text.splitlines()]


def logging_restored() -> Iterator[None]:
    """`configure` changes the whole process: undo it."""
    root, ours = logging.getLogger(), logging.getLogger("runtimeenv")
    before = (root.level, list(root.handlers), ours.level)
    for handler in before[1]:
        root.removeHandler(handler)  # else `configure` would close those of pytest
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    ours.setLevel(before[2])
