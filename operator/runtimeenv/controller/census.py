"""Which variables exist, and which of them must be tried before anything of their tenant is materialized (design §5.4).

kopf never tells when its own list is complete, and misses what vanished in a gap; a reflector of metadata does both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from runtimeenv.core.identity import Ref


@dataclass(frozen=True, slots=True)
class Entry:
    """A variable that exists: its UID and generation."""

    uid: str
    generation: int


class Census:
    """The variables that exist, and the obligations of a start.

    ``settled`` is called with a namespace when its last obligation is met; ``version`` says up to which
    resourceVersion all is known.
    """

    def __init__(self, settled: Callable[[str], None], version: Callable[[], int]) -> None:
        self.version = version
        self._settled = settled
        self._entries: dict[Ref, Entry] = {}
        self._by_namespace: defaultdict[str, set[Ref]] = defaultdict(set)
        self._pending: dict[str, set[str]] = {}

    def put(self, ref: Ref, entry: Entry) -> bool:
        """Note a variable; True when it is new or was made again under its name."""
        before = self._entries.get(ref)
        self._entries[ref] = entry
        self._by_namespace[ref.namespace].add(ref)
        if before is not None and before.uid != entry.uid:
            self.tried(ref.namespace, before.uid)
        return before is None or before.uid != entry.uid

    def remove(self, ref: Ref, uid: str) -> None:
        """A variable is gone; another of its name stays."""
        if self.exists(ref, uid):
            del self._entries[ref]
            self._by_namespace[ref.namespace].discard(ref)
            if not self._by_namespace[ref.namespace]:
                del self._by_namespace[ref.namespace]
        self.tried(ref.namespace, uid)

    def exists(self, ref: Ref, uid: str) -> bool:
        """Is there such a variable, with this UID?"""
        entry = self._entries.get(ref)
        return entry is not None and entry.uid == uid

    def of_namespace(self, namespace: str) -> list[tuple[Ref, Entry]]:
        """The variables of a namespace."""
        return [(ref, self._entries[ref]) for ref in self._by_namespace.get(namespace, ())]

    def __iter__(self) -> Iterator[tuple[Ref, Entry]]:
        return iter(self._entries.items())

    def oblige(self, ref: Ref) -> None:
        """At a start: hold this variable's tenant back until it was tried."""
        self._pending.setdefault(ref.namespace, set()).add(self._entries[ref].uid)

    def tried(self, namespace: str, uid: str) -> None:
        """A stage-1 run of this variable finished, whatever its outcome."""
        pending = self._pending.get(namespace)
        if pending is None or uid not in pending:
            return
        pending.discard(uid)
        if not pending:
            del self._pending[namespace]
            self._settled(namespace)

    def complete(self, namespaces: Iterable[str]) -> bool:
        """Is nothing of these namespaces still to be tried?"""
        return not self._pending or not any(namespace in self._pending for namespace in namespaces)
