"""Canaries: random values that go in by many doors, and the search for them where no value may be."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

from runtimeenv.core import names
from tests.kube.cluster import Cluster

_SKIPPED = {"events", "componentstatuses", "bindings"}  # events: listed once, by the newer of their two groups


class Canaries:
    """Values that share a random mark, so that one search finds any of them, in clear or in base64."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(12)
        self.values: dict[str, str] = {}

    def through(self, door: str) -> str:
        """A value that is only ever given to this door; printable, and long enough to have a preview."""
        return self.values.setdefault(door, f"value-of-{self._mark}-{len(self.values):02d}-end")

    def doors(self, text: bytes) -> list[str]:
        """Which doors' values stand in `text`; "some" where it is only certain that one does."""
        if not any(form in text for form in self._forms()):
            return []
        return [door for door, value in self.values.items() if value.encode() in text] or ["some"]

    def in_files(self, files: Iterable[Path]) -> dict[str, list[str]]:
        """The files that hold a value, and whose."""
        return {str(path): doors for path in files if (doors := self.doors(path.read_bytes()))}

    def in_objects(self, cluster: Cluster, sources: Container[str] = ()) -> dict[str, list[str]]:
        """All objects of the cluster that hold a value, but environments, and Secrets whose name is in `sources`."""
        found = {}
        for kind in _listable(cluster):
            for item in _items(cluster, kind):
                if not _may_hold(item, sources) and (doors := self.doors(json.dumps(item).encode())):
                    found[f"{kind} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"] = doors
        return found

    def _forms(self) -> Iterator[bytes]:
        """The mark itself, and its base64 at each of the three places where it can begin in a group of bytes."""
        mark = self._mark.encode()
        yield mark
        for offset in range(3):
            encoded = base64.b64encode(b"x" * offset + mark)
            yield encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]


def _listable(cluster: Cluster) -> list[str]:
    kinds = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").out.split()
    return [kind for kind in kinds if kind not in _SKIPPED]


def _items(cluster: Cluster, kind: str) -> list[Any]:
    listed = cluster.kubectl("get", kind, "--all-namespaces", "--show-managed-fields", "-o", "json").out
    items: list[Any] = json.loads(listed)["items"]
    return items


def _may_hold(item: Any, sources: Container[str]) -> bool:
    return item["kind"] == "Secret" and (item["type"] == names.ENV_TYPE or item["metadata"]["name"] in sources)
