"""What a RuntimeEnv's Secret and status hold: merged and opened, pure (design §5.4)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from runtimeenv.controller.records import Record, owner_reference
from runtimeenv.core import names
from runtimeenv.core.identity import Ref, scope_kind
from runtimeenv.core.merge import Merged, merge
from runtimeenv.core.resources import ReceivedVariable
from runtimeenv.crypto.envelope import decrypt
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import CannotOpen

NAMES_LIMIT: Final = 512
BYTES_LIMIT: Final = 512 * 1024
"""Names and values together; etcd's own limit is near 1.5 MiB."""


class Broken(Exception):
    """A record's envelope does not open: nothing partial is materialized until stage 1 has written it anew."""

    def __init__(self, record: Record) -> None:
        super().__init__(str(record.ref))
        self.record = record


class TooLarge(Exception):
    """Above the limits of one environment; the message names them."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The winners of one environment, unopened. A winner without an envelope withholds its NAME."""

    merged: Mapping[str, Merged[Record]]

    @property
    def revision(self) -> str:
        """A hash over each winner's NAME, UID and the time its value last changed; never over a value."""
        digest = hashlib.sha256()
        for name, winner in self._received():
            digest.update(f"{name}\0{winner.winner.uid}\0{winner.winner.value_changed}\0".encode())
        return digest.hexdigest()[:32]

    @property
    def variables(self) -> list[ReceivedVariable]:
        """For the status: what is received, and what that hides."""
        return [
            ReceivedVariable(
                name=name,
                scope=scope_kind(m.winner.identity.layer.scope),
                target=m.winner.identity.layer.target,
                source=str(m.winner.ref),
                overrides=[str(shadow.identity.layer) for shadow in m.shadows] or None,
            )
            for name, m in self._received()
        ]

    @property
    def count(self) -> int:
        """How many variables are received."""
        return len(self._received())

    def check_count(self) -> None:
        """Raises TooLarge above 512 names."""
        if self.count > NAMES_LIMIT:
            raise TooLarge(f"{self.count} variables, but one environment holds {NAMES_LIMIT}: disable or narrow some")

    def opened(self, keyring: Keyring) -> dict[str, bytes]:
        """Each NAME's value. Raises Broken for one that does not open, TooLarge above 512 KiB."""
        values: dict[str, bytes] = {}
        for name, m in self._received():
            assert m.winner.envelope is not None  # noqa: S101 - _received
            try:
                values[name] = decrypt(m.winner.envelope, m.winner.bound, keyring).reveal().encode()
            except CannotOpen:
                raise Broken(m.winner) from None
        if (size := sum(len(n) + len(v) for n, v in values.items())) > BYTES_LIMIT:
            raise TooLarge(f"{size} bytes, but one environment holds {BYTES_LIMIT}: mount large values as files")
        return values

    def _received(self) -> list[tuple[str, Merged[Record]]]:
        return [(name, m) for name, m in self.merged.items() if m.winner.envelope is not None]


def contents(found: Iterable[Mapping[str, Record]]) -> Contents:
    """Merge the layers, given widest first."""
    return Contents(merge(found))


def secret_manifest(ref: Ref, uid: str, values: Mapping[str, bytes]) -> dict[str, Any]:
    """The Secret that pods reference, whole; owned by its RuntimeEnv of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "labels": dict(names.DERIVED_LABELS),
            "ownerReferences": [owner_reference("RuntimeEnv", ref.name, uid)],
        },
        "type": names.ENV_TYPE,
        "data": {name: base64.b64encode(value).decode() for name, value in values.items()},
    }
