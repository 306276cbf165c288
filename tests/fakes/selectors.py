"""Label and field selectors, as far as the project uses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from runtimeenv.cluster.kinds import Manifest
from runtimeenv.cluster.protocol import Query

_TERM = re.compile(r"(?P<not>!)?(?P<key>[^=!]+?)\s*(?:(?P<op>!?==?)\s*(?P<value>.*))?")


def selects(query: Query, manifest: Manifest) -> bool:
    """Does the query take this object?"""
    labels = manifest["metadata"].get("labels") or {}
    return (
        query.namespace in ("", manifest["metadata"].get("namespace", ""))
        and all(_holds(term, labels.get) for term in _terms(query.labels))
        and all(_holds(term, lambda path: field(manifest, path)) for term in _terms(query.fields))
    )


def field(manifest: Manifest, path: str) -> Any:
    """A dotted path's value; absent fields are empty text, as for field selectors."""
    found: Any = manifest
    for part in path.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return found


def _terms(selector: str) -> list[re.Match[str]]:
    return [match for term in selector.split(",") if (match := _TERM.fullmatch(term.strip()))]


def _holds(term: re.Match[str], look_up: Callable[[str], object]) -> bool:
    found: object = look_up(term["key"])
    if term["op"] is None:
        return (found is None) == bool(term["not"])
    return (found == term["value"]) == (term["op"] != "!=")
