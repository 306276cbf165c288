"""FakeCluster: a Cluster in memory, with faults on demand.

Reads go through the Kind's real decoder. Tests act as users with `apply` and `remove`, which are not recorded; what
the code under test calls stands in `calls`.
"""

from __future__ import annotations

import asyncio
import builtins
import copy
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from runtimeenv.cluster.kinds import Kind, Manifest, T, kind_of, ref_of
from runtimeenv.cluster.protocol import Page, Query, WatchEvent, Written
from runtimeenv.core.identity import Ref
from runtimeenv.core.patches import Op
from runtimeenv.errors import ClusterError, Expired, Unavailable
from tests.fakes.selectors import selects
from tests.fakes.store import Change, Store

Verb = Literal["get", "list", "create", "replace", "patch", "delete", "watch"]
WRITES = frozenset({"create", "replace", "patch", "delete"})


@dataclass(frozen=True)
class Call:
    """What the code under test asked for: ``kind`` is the plural."""

    verb: Verb
    kind: str
    ref: Ref
    subresource: str = ""


@dataclass
class Failure:
    """Calls that fail: those of a verb and a kind (None is any), after some that succeed."""

    error: ClusterError
    verb: Verb | None
    kind: str | None
    after: int
    times: int


@dataclass
class Faults:
    """What goes wrong. Watches repeat, delay and lose events; calls fail or wait."""

    repeat: int = 1
    """How often a watch tells the events that it has: 2 tells all of them, then all of them again."""
    events_flow: asyncio.Event = field(default_factory=asyncio.Event)
    calls_flow: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: list[Failure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events_flow.set()
        self.calls_flow.set()

    def fail(
        self, error: ClusterError, times: int = 1, *, verb: Verb | None = None, kind: str | None = None, after: int = 0
    ) -> None:
        """The next calls fail, those of this verb and kind (plural) only where given; ``after`` so many succeeded."""
        self._failures.append(Failure(error, verb, kind, after, times))

    @contextmanager
    def events_delayed(self) -> Iterator[None]:
        """Watches tell nothing until the end of the block."""
        self.events_flow.clear()
        try:
            yield
        finally:
            self.events_flow.set()

    @contextmanager
    def calls_delayed(self) -> Iterator[None]:
        """Calls wait until the end of the block, then take effect."""
        self.calls_flow.clear()
        try:
            yield
        finally:
            self.calls_flow.set()

    def check(self, call: Call) -> None:
        """Raise the failure that is due for this call."""
        for failure in [*self._failures]:
            if failure.verb not in (None, call.verb) or failure.kind not in (None, call.kind):
                continue
            if failure.after:
                failure.after -= 1
                continue
            failure.times -= 1
            if not failure.times:
                self._failures.remove(failure)
            raise failure.error


class FakeCluster:
    """A Cluster over a `Store`. ``page_limit`` caps the pages of lists, so that small tests see several."""

    def __init__(self, *manifests: Manifest, page_limit: int = 500) -> None:
        self.store = Store()
        self.faults = Faults()
        self.calls: list[Call] = []
        self._page_limit = page_limit
        self._cut = 0
        self._snapshots: dict[str, tuple[str, builtins.list[dict[str, Any]]]] = {}
        for manifest in manifests:
            self.apply(manifest)

    # The verbs of Cluster.

    async def get(self, kind: Kind[T], ref: Ref) -> T | None:
        await self._called("get", kind, ref)
        manifest = self.store.get(kind, ref)
        return None if manifest is None else _decoded(kind, manifest)

    async def list(self, kind: Kind[T], query: Query) -> Page[T]:
        await self._called("list", kind, Ref(query.namespace, ""))
        if not query.after:
            found = [manifest for manifest in self.store.all(kind) if selects(query, manifest)]
            self._snapshots[""] = (str(self.store.version), found)
        if query.after not in self._snapshots:
            raise Expired(410, f"list {kind.plural}")
        version, found = self._snapshots.pop(query.after)
        size = min(query.limit, self._page_limit)
        after = f"page-{len(self.calls)}" if found[size:] else ""
        if after:
            self._snapshots[after] = (version, found[size:])
        return Page([_decoded(kind, manifest) for manifest in found[:size]], version, after)

    async def replace(self, manifest: Manifest, version: str | None) -> str:
        manifest = copy.deepcopy(dict(manifest))
        await self._called("create" if version is None else "replace", kind_of(manifest), ref_of(manifest))
        made = self.store.create(manifest) if version is None else self.store.replace(manifest, version)
        return str(made["metadata"]["resourceVersion"])

    async def replace_status(self, manifest: Manifest, version: str) -> str:
        manifest = copy.deepcopy(dict(manifest))
        await self._called("replace", kind_of(manifest), ref_of(manifest), "status")
        return str(self.store.replace_status(manifest, version)["metadata"]["resourceVersion"])

    async def patch(self, kind: Kind[T], ref: Ref, body: Manifest | Sequence[Op], *, subresource: str = "") -> Written:
        body = copy.deepcopy(body)
        await self._called("patch", kind, ref, subresource)
        made = self.store.patch(kind, ref, body, subresource)["metadata"]
        return Written(str(made["resourceVersion"]), int(made.get("generation", 0)))

    async def delete(self, kind: Kind[T], ref: Ref, *, uid: str, version: str = "") -> None:
        await self._called("delete", kind, ref)
        self.store.delete(kind, ref, uid, version)

    async def watch(self, kind: Kind[T], query: Query, since: str) -> AsyncGenerator[WatchEvent[T], None]:
        await self._called("watch", kind, Ref(query.namespace, ""))
        told, cut = int(since), self._cut
        while True:
            await self.faults.events_flow.wait()
            tick, known = self.store.tick, self.store.version
            if told < self.store.forgotten:
                raise Expired(410, f"watch {kind.plural}")
            if cut != self._cut:
                raise Unavailable(0, f"watch {kind.plural}")
            for change in self.store.since(told, kind) * self.faults.repeat:
                for event in _watch_events(kind, query, change):
                    yield event
            if known > told:
                yield WatchEvent("BOOKMARK", str(known), None)
            told = known
            await self.store.moved(tick)

    # What tests do.

    def apply(self, manifest: Manifest) -> dict[str, Any]:
        """Create or update as a user would: fields that are left out are removed; a status is kept or set."""
        kind, ref = kind_of(manifest), ref_of(manifest)
        before = self.store.get(kind, ref)
        if before is None:
            return self.store.create(manifest)
        self.store.replace(manifest, before["metadata"]["resourceVersion"])
        if "status" in manifest:
            return self.store.patch(kind, ref, {"status": manifest["status"]}, "status")
        return self.read(kind, ref)

    def remove(self, kind: Kind[Any], ref: Ref) -> None:
        """Delete as a user would."""
        assert self.store.delete(kind, ref), f"no {kind.plural} {ref}"

    def read(self, kind: Kind[Any], ref: Ref) -> dict[str, Any]:
        """The object as it stands; it must exist."""
        manifest = self.store.get(kind, ref)
        assert manifest is not None, f"no {kind.plural} {ref}"
        return manifest

    def cut_watches(self) -> None:
        """Break the connection of every watch; they can go on from where they were."""
        self._cut += 1
        self.store.move()

    def forget_history(self) -> None:
        """Compact: a watch that was not told all yet, or starts from before now, and a list's next page are Expired."""
        self.store.forgotten = self.store.version
        self._snapshots.clear()
        self.store.move()

    def writes(self, kind: Kind[Any] | None = None) -> builtins.list[Call]:
        """The recorded calls that write, of one kind where it is given."""
        return [c for c in self.calls if c.verb in WRITES and (kind is None or c.kind == kind.plural)]

    async def _called(self, verb: Verb, kind: Kind[Any], ref: Ref, subresource: str = "") -> None:
        call = Call(verb, kind.plural, ref, subresource)
        self.calls.append(call)
        await asyncio.sleep(0)  # as on a network: others run meanwhile
        await self.faults.calls_flow.wait()
        self.faults.check(call)


def _decoded(kind: Kind[T], manifest: Manifest) -> T:
    return kind.decode(msgspec.json.encode(manifest))


def _watch_events(kind: Kind[T], query: Query, change: Change) -> list[WatchEvent[T]]:
    """As a watch with selectors tells it: an object that leaves the selection is DELETED, in its last state."""
    was = change.before if change.before and selects(query, change.before) else None
    now = change.after if change.after and selects(query, change.after) else None
    shown = copy.deepcopy(now or was)
    if shown is None:
        return []
    shown["metadata"]["resourceVersion"] = str(change.version)
    change_word: Any = "DELETED" if now is None else "ADDED" if was is None else "MODIFIED"
    return [WatchEvent(change_word, str(change.version), _decoded(kind, shown))]
