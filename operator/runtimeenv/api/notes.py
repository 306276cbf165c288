"""``metadata``: free-form notes, kept small enough for the object that carries them, and the same for every reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runtimeenv.api.strict_json import SAFE_INTEGER
from runtimeenv.cluster.objects import NOTHING
from runtimeenv.errors import Invalid

DEPTH_LIMIT: Final = 8
"""Objects and arrays inside one another, the outermost counted."""
MEMBER_LIMIT: Final = 256
"""Members of one object, or elements of one array."""
SIZE_LIMIT: Final = 16 * 1024
"""Bytes of compact JSON in UTF-8."""


def parse_notes(field: str, value: object) -> dict[str, Any]:
    """The notes as they are. Raises Invalid with the rule that they break."""
    if not isinstance(value, dict):
        raise Invalid(field, "must be an object")
    if _size(field, value) > SIZE_LIMIT:
        raise Invalid(field, f"must be at most {SIZE_LIMIT} bytes of JSON")
    for depth, note in _notes(value):
        if depth > DEPTH_LIMIT:
            raise Invalid(field, f"must be at most {DEPTH_LIMIT} objects or arrays deep")
        if isinstance(note, dict | list) and len(note) > MEMBER_LIMIT:
            raise Invalid(field, f"must have at most {MEMBER_LIMIT} members or elements in each object or array")
        if isinstance(note, int | float) and not -SAFE_INTEGER <= note <= SAFE_INTEGER:
            raise Invalid(field, "must have numbers between -(2^53-1) and 2^53-1: write larger ones as text")
    return value


def _notes(root: dict[str, Any]) -> Iterator[tuple[int, object]]:
    """Everything in it and itself, each with the number of objects and arrays that it is or stands in."""
    waiting: list[tuple[int, dict[str, Any] | list[Any]]] = [(1, root)]
    yield waiting[0]
    while waiting:
        depth, container = waiting.pop()
        for note in container.values() if isinstance(container, dict) else container:
            if isinstance(note, dict | list):
                yield depth + 1, note
                waiting.append((depth + 1, note))
            else:
                yield depth, note


def shown(notes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The notes of an object; none where kubectl wrote more than we take, or nested them deeper than can be told.

    They would stay in memory, and keep a tenant's whole list from its clients.
    """
    try:
        return notes if _size("spec.metadata", dict(notes)) <= SIZE_LIMIT else NOTHING
    except RecursionError:
        return NOTHING


def _size(field: str, value: dict[str, Any]) -> int:
    try:
        return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError:
        raise Invalid(field, "must be text in UTF-8, without lone surrogates") from None
