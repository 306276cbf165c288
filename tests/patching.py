"""A JSON Patch applier (RFC 6902) for the operations that this project writes: add and remove."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import msgspec

from runtimeenv.core.patches import Op


def applied(document: Any, ops: Iterable[Op]) -> Any:
    """The document after all operations, as they are on the wire; it stays as it was itself."""
    document = copy.deepcopy(document)
    for op in msgspec.json.decode(msgspec.json.encode(list(ops))):
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in op["path"].split("/")[1:]]
        at = document
        for part in parents:
            at = at[int(part)] if isinstance(at, list) else at[part]
        _apply(at, last, op)
    return document


def _apply(at: Any, last: str, op: Op) -> None:
    if isinstance(at, list):
        index = int(last)
        assert index < len(at) + (op["op"] == "add"), "an index beyond the array"
        if op["op"] == "add":
            at.insert(index, op["value"])
        else:
            del at[index]
    elif op["op"] == "add":
        at[last] = op["value"]
    else:
        del at[last]
