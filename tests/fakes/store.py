"""What an API server keeps: objects with versions and generations, and the history that watches replay."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runtimeenv.cluster.kinds import Kind, Manifest, kind_of, ref_of
from runtimeenv.core.identity import Ref
from runtimeenv.core.patches import Op
from runtimeenv.errors import Rejected, Stale
from tests.patching import applied

Key = tuple[str, str, Ref]

FIRST_CREATION = datetime(2026, 1, 1, tzinfo=UTC)
SERVER_SETS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


@dataclass(frozen=True)
class Change:
    """One step of the history: an object before and after; None where it did not exist."""

    version: int
    key: Key
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Store:
    """Objects by kind and ref. Every change gets the next version, one counter for all; a write that changes nothing
    is none. Each object is created a second after the last."""

    def __init__(self) -> None:
        self.version = 1
        self.history: list[Change] = []
        self.forgotten = 0
        """Versions up to this one can't be watched from any more."""
        self.tick = 0
        self._moved = asyncio.Event()
        self._objects: dict[Key, dict[str, Any]] = {}

    def get(self, kind: Kind[Any], ref: Ref) -> dict[str, Any] | None:
        """A copy of an object as it stands."""
        return copy.deepcopy(self._objects.get(_key(kind, ref)))

    def all(self, kind: Kind[Any]) -> list[dict[str, Any]]:
        """Copies of all objects of a kind, in the order of their refs."""
        keys = sorted(key for key in self._objects if key[:2] == (kind.api_version, kind.name))
        return [copy.deepcopy(self._objects[key]) for key in keys]

    def create(self, manifest: Manifest) -> dict[str, Any]:
        """Raises Stale where it exists."""
        key = _key(kind_of(manifest), ref_of(manifest))
        if key in self._objects:
            raise Stale(409, f"create {key[2]}")
        made = copy.deepcopy(dict(manifest))
        made["metadata"] = {
            **{name: value for name, value in made["metadata"].items() if name not in SERVER_SETS},
            "uid": str(uuid.UUID(int=self.version + 1)),
            "creationTimestamp": (FIRST_CREATION + timedelta(seconds=self.version)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "generation": 1,
        }
        return self._store(key, made)

    def replace(self, manifest: Manifest, version: str) -> dict[str, Any]:
        """Write whole, except the status; raises Stale where it stands at another version."""
        key = _key(kind_of(manifest), ref_of(manifest))
        before = self._objects.get(key)
        if before is None or before["metadata"]["resourceVersion"] != version:
            raise Stale(409, f"replace {key[2]}")
        made = {**copy.deepcopy(dict(manifest)), "metadata": self._kept(before, manifest["metadata"])}
        if "status" in before:
            made["status"] = before["status"]
        return self._store(key, made)

    def replace_status(self, manifest: Manifest, version: str) -> dict[str, Any]:
        """Write the status alone, whole; raises Stale where the UID or the version is another."""
        key = _key(kind_of(manifest), ref_of(manifest))
        before = self._objects.get(key)
        if before is None:
            raise Stale(404, f"replace {key[2]}")
        own = before["metadata"]
        if (manifest["metadata"]["uid"], version) != (own["uid"], own["resourceVersion"]):
            raise Stale(409, f"replace {key[2]}")
        made = {**before, "status": copy.deepcopy(manifest["status"]), "metadata": self._kept(before, own)}
        return self._store(key, made)

    def patch(self, kind: Kind[Any], ref: Ref, body: Manifest | Sequence[Op], subresource: str) -> dict[str, Any]:
        """Merge patch or JSON Patch of the status alone, or of all but the status.

        Raises Rejected where it is gone, has another UID than the body names, or has not what an operation removes, and
        Stale where the body names another version.
        """
        key = _key(kind, ref)
        before = self._objects.get(key)
        if before is None:
            raise Rejected(404, f"patch {ref}")
        try:
            after = merge_patch(before, body) if isinstance(body, Mapping) else applied(before, body)
        except LookupError:
            raise Rejected(422, f"patch {ref}") from None
        if after["metadata"]["uid"] != before["metadata"]["uid"]:
            raise Rejected(422, f"patch {ref}")
        if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            raise Stale(409, f"patch {ref}")
        kept, changed = (before, after) if subresource == "status" else (after, before)
        made = {**kept, **{name: changed[name] for name in ("status",) if name in changed}}
        made["metadata"] = self._kept(before, made["metadata"])
        return self._store(key, made)

    def delete(self, kind: Kind[Any], ref: Ref, uid: str | None = None, version: str = "") -> bool:
        """True if it was there, with this UID where one is given. Raises Stale where a given version is not its own."""
        key = _key(kind, ref)
        before = self._objects.get(key)
        if before is None:
            return False
        own = before["metadata"]
        if version and (uid, version) != (own["uid"], own["resourceVersion"]):
            raise Stale(409, f"delete {ref}")
        if uid not in (None, own["uid"]):
            return False
        del self._objects[key]
        self._note(key, before, None)
        return True

    def collect_garbage(self) -> None:
        """Delete what has owners, none of which exists."""
        uids = {manifest["metadata"]["uid"] for manifest in self._objects.values()}
        for key, manifest in list(self._objects.items()):
            owners = manifest["metadata"].get("ownerReferences") or []
            if owners and not any(owner["uid"] in uids for owner in owners):
                del self._objects[key]
                self._note(key, manifest, None)

    def since(self, version: int, kind: Kind[Any]) -> list[Change]:
        """The kind's changes after a version."""
        return [c for c in self.history if c.version > version and c.key[:2] == (kind.api_version, kind.name)]

    def move(self) -> None:
        """Wake whoever waits in `moved`."""
        self.tick += 1
        self._moved.set()

    async def moved(self, tick: int) -> None:
        """Wait until something happened after this tick."""
        while self.tick == tick:
            self._moved.clear()
            await self._moved.wait()

    def _kept(self, before: dict[str, Any], metadata: Manifest) -> dict[str, Any]:
        kept = {name: before["metadata"][name] for name in SERVER_SETS if name in before["metadata"]}
        return {**copy.deepcopy(dict(metadata)), **kept}

    def _store(self, key: Key, made: dict[str, Any]) -> dict[str, Any]:
        before = self._objects.get(key)
        if before == made:
            return copy.deepcopy(before)
        if before is not None and before.get("spec") != made.get("spec"):
            made["metadata"]["generation"] += 1
        made["metadata"]["resourceVersion"] = str(self.version + 1)
        self._objects[key] = made
        self._note(key, before, made)
        return copy.deepcopy(made)

    def _note(self, key: Key, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        self.version += 1
        self.history.append(Change(self.version, key, before, after))
        self.move()


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _key(kind: Kind[Any], ref: Ref) -> Key:
    return (kind.api_version, kind.name, ref)
