"""JSON Patch operations (RFC 6902), as admission answers carry them."""

from __future__ import annotations

from typing import Any

Op = dict[str, Any]
"""One operation: ``op``, ``path`` (RFC 6901) and, for an addition, ``value``."""


def add(path: str, value: Any) -> Op:
    """Set a member, or insert before an element of an array."""
    return {"op": "add", "path": path, "value": value}


def remove(path: str) -> Op:
    """Take a member or an element away. Removals in one array go from its end, or the indices shift."""
    return {"op": "remove", "path": path}


def member(path: str, name: str) -> str:
    """The path of a member whose name may hold ``~`` and ``/``."""
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
