"""What one tenant's keys may see: the winners, sorted, and by id."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from runtimeenv.api.claimants import Entry
from runtimeenv.api.items import many
from runtimeenv.api.pages import Position, position


class Shelf:
    """The shown variables of one tenant, in the order of lists."""

    def __init__(self) -> None:
        self._by_id: dict[str, Entry] = {}
        self._places: list[Position] = []
        self._entries: list[Entry] = []
        self._body = b""

    @property
    def body(self) -> bytes:
        """The answer that lists them all: made once, since clients ask again and again."""
        if not self._body:
            self._body = many([entry.item for entry in self._entries], None)
        return self._body

    @property
    def by_id(self) -> Mapping[str, Entry]:
        """The shown variables."""
        return self._by_id

    @property
    def entries(self) -> Sequence[Entry]:
        """The shown variables, sorted by `position`."""
        return self._entries

    @property
    def places(self) -> Sequence[Position]:
        """What the entries are sorted by, in step with them."""
        return self._places

    def put(self, entry: Entry) -> None:
        """Show this one, in the place of another of its identity."""
        place = position(entry.identity)
        at = bisect_left(self._places, place)
        if entry.id in self._by_id:
            self._entries[at] = entry
        else:
            self._places.insert(at, place)
            self._entries.insert(at, entry)
        self._by_id[entry.id] = entry
        self._body = b""

    def drop(self, id: str) -> None:  # noqa: A002 - the API's own word
        """Show it no more."""
        entry = self._by_id.pop(id, None)
        if entry is not None:
            at = bisect_left(self._places, position(entry.identity))
            del self._places[at], self._entries[at]
            self._body = b""
