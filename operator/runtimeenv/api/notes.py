"""``metadata``: free-form notes, kept small enough for the object that carries them, and the same for every reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from runtimeenv.api.strict_json import SAFE_INTEGER
from runtimeenv.errors import Invalid

DEPTH_LIMIT: Final = 8
"""Objects and arrays inside one another, the outermost counted."""
MEMBER_LIMIT: Final = 256
"""Members of objects and elements of arrays, all together."""
SIZE_LIMIT: Final = 16 * 1024
"""Bytes of compact JSON in UTF-8."""


def parse_notes(field: str, value: object) -> dict[str, Any]:
    """The notes as they are. Raises Invalid with the rule that they break."""
    if not isinstance(value, dict):
        raise Invalid(field, "must be an object")
    for count, (depth, member) in enumerate(_members(value)):
        if count >= MEMBER_LIMIT:
            raise Invalid(field, f"must have at most {MEMBER_LIMIT} members and elements in all")
        if depth > DEPTH_LIMIT:
            raise Invalid(field, f"must be at most {DEPTH_LIMIT} objects or arrays deep")
        if isinstance(member, int | float) and not -SAFE_INTEGER <= member <= SAFE_INTEGER:
            raise Invalid(field, "must have numbers between -(2^53-1) and 2^53-1: write larger ones as text")
    _check_size(field, value)
    return value


def _members(root: dict[str, Any]) -> Iterator[tuple[int, object]]:
    """Every member and element below the root, and how deep the deepest object or array that it is or stands in."""
    waiting: list[tuple[int, object]] = [(1, root)]
    while waiting:
        depth, container = waiting.pop()
        for member in container.values() if isinstance(container, dict) else container:  # type: ignore[attr-defined]
            if isinstance(member, dict | list):
                yield depth + 1, member
                waiting.append((depth + 1, member))
            else:
                yield depth, member


def _check_size(field: str, value: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError:
        raise Invalid(field, "must be text in UTF-8, without lone surrogates") from None
    if size > SIZE_LIMIT:
        raise Invalid(field, f"must be at most {SIZE_LIMIT} bytes of JSON")
