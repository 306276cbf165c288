"""Where a page of the list ends, as an opaque text that outlives the process and the page's last variable."""

from __future__ import annotations

import base64
import binascii
import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from runtimeenv.core.identity import Identity, scope_fields
from runtimeenv.errors import Invalid

if TYPE_CHECKING:
    from runtimeenv.api.claimants import Entry

Position = tuple[str, str, str, str, str]
"""NAME, scope, workspace id or "", project id or "", target: the order of the list."""

CURSOR_LIMIT: Final = 1024
"""Characters: far above the longest position."""
_VERSION: Final = 1
_decoder = msgspec.json.Decoder(tuple[int, str, str, str, str, str])


def position(identity: Identity) -> Position:
    """An identity's place in the list of its tenant."""
    kind, _, workspace, project = scope_fields(identity.layer.scope)
    return (identity.name, kind, workspace, project, identity.layer.target)


def cursor(place: Position) -> str:
    """URL-safe base64, unpadded, of the format's version and the position."""
    return base64.urlsafe_b64encode(msgspec.json.encode((_VERSION, *place))).decode().rstrip("=")


def parse_cursor(field: str, text: str) -> Position:
    """The position that `cursor` wrote. Raises Invalid."""
    try:
        if len(text) > CURSOR_LIMIT:
            raise ValueError
        version, *place = _decoder.decode(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        name, scope, workspace, project, target = place
    except (ValueError, msgspec.MsgspecError, binascii.Error):
        raise Invalid(field, "must be a next_cursor that a list answered with") from None
    if version != _VERSION or cursor(found := (name, scope, workspace, project, target)) != text:
        raise Invalid(field, "must be a next_cursor that a list answered with")
    return found


def page(entries: Sequence[Entry], after: Position | None, limit: int | None) -> tuple[Sequence[Entry], str | None]:
    """The entries of one page, of all in order; and the cursor of the next page, if there is one."""
    start = 0 if after is None else bisect.bisect_right(entries, after, key=_place)
    if limit is None or start + limit >= len(entries):
        return (entries[start:] if start else entries), None
    return entries[start : start + limit], cursor(_place(entries[start + limit - 1]))


def _place(entry: Entry) -> Position:
    return position(entry.identity)
