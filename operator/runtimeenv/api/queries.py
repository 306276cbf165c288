"""What the list's query asks for: filters, each with its required partner, and which page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from runtimeenv.api.catalog import Selection
from runtimeenv.api.faults import Faults
from runtimeenv.api.pages import Position, parse_cursor
from runtimeenv.core.identity import SCOPE_KINDS, parse_id, parse_target
from runtimeenv.errors import Invalid

LIMIT_MAXIMUM: Final = 1000
PARAMETERS: Final = ("scope", "workspace_id", "project_id", "target", "limit", "cursor")
_PARTNERS: Final = {"workspace": "workspace_id", "project": "project_id"}
_DIGITS = re.compile(r"[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listing:
    """Which variables, and where the page begins and ends; no limit is all of them."""

    selection: Selection
    limit: int | None
    after: Position | None


EVERYTHING: Final = Listing(Selection(None, None, None, None), None, None)


def parse_listing(query: bytes) -> Listing:
    """Read a query string. Raises Refused; a parameter that is unknown would select more than was meant: refused."""
    if not query:
        return EVERYTHING
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    faults = Faults(given, PARAMETERS, "query")
    if len(given) != len(pairs):
        faults.add(Invalid("query", "give each parameter once"))
    scope = faults.take("scope", _scope, None)
    if (partner := _PARTNERS.get(scope or "")) and partner not in given:
        faults.add(Invalid(partner, f"required when scope is {scope}"))
    listing = Listing(
        Selection(
            scope,
            faults.take("workspace_id", parse_id, None),
            faults.take("project_id", parse_id, None),
            faults.take("target", parse_target, None),
        ),
        faults.take("limit", _limit, None),
        faults.take("cursor", parse_cursor, None),
    )
    faults.check()
    return listing


def _scope(field: str, text: str) -> str:
    if text not in SCOPE_KINDS:
        raise Invalid(field, "use one of tenant, workspace, project")
    return text


def _limit(field: str, text: str) -> int:
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= LIMIT_MAXIMUM:
        raise Invalid(field, f"must be a whole number from 1 to {LIMIT_MAXIMUM}")
    return int(text)
