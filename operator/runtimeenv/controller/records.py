"""One variable at rest: the record that its encrypted Secret ``rvar.<uid>`` holds (design §5.3)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from runtimeenv.cluster.objects import Secret
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Layer, Ref, parse_name, parse_target, scope_fields, scope_of
from runtimeenv.crypto.binding import Bound
from runtimeenv.crypto.envelope import Envelope
from runtimeenv.errors import RuntimeEnvError

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was read: the variable's generation, and for valueFrom the source Secret's UID and version."""

    generation: int
    source: str = ""

    def __str__(self) -> str:
        return f"{self.generation}/{self.source}" if self.source else str(self.generation)

    def precedes(self, other: Origin) -> bool:
        """Was the other read later: of a newer generation, or of the same source Secret in a newer version?"""
        if self.generation != other.generation:
            return self.generation < other.generation
        (uid, _, version), (other_uid, _, later) = self.source.partition("/"), other.source.partition("/")
        return uid == other_uid and version.isdecimal() and later.isdecimal() and int(version) < int(later)

    @classmethod
    def parse(cls, text: str) -> Origin:
        """The inverse of str(); raises ValueError."""
        generation, _, source = text.partition("/")
        return cls(int(generation), source)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an admitted variable without opening it.

    ``version`` is the encrypted Secret's resourceVersion as an integer, ``created`` the variable's creationTimestamp;
    ``changed`` (spec or source) and ``value_changed`` are RFC 3339 with microseconds. Without an envelope the value was
    never readable, or its owner withdrew it: the NAME is withheld.
    """

    ref: Ref
    uid: str
    version: int
    identity: Identity
    enabled: bool
    created: str
    origin: Origin
    changed: str
    value_changed: str
    envelope: Envelope | None

    @property
    def claim(self) -> tuple[str, Ref]:
        """Of several claimants of one identity the least of these wins (design §3)."""
        return (self.created, self.ref)

    @property
    def bound(self) -> Bound:
        """What the envelope is bound to."""
        return Bound(self.identity, self.uid, self.enabled, self.created, str(self.origin))

    def precedes(self, other: Record) -> bool:
        """Is the other the same variable's, in a newer version of its Secret, and read later?"""
        return self.ref == other.ref and self.version < other.version and self.origin.precedes(other.origin)

    def same_but_version(self, other: Record) -> bool:
        """Would both be stored as the same Secret?"""
        return _stored(self) == _stored(other) and self.envelope == other.envelope

    def manifest(self) -> dict[str, Any]:
        """The encrypted Secret, whole."""
        entries = {"record": msgspec.json.encode(_stored(self))}
        if self.envelope is not None:
            entries["envelope"] = str(self.envelope).encode()
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": names.encrypted_secret_name(self.uid),
                "namespace": self.ref.namespace,
                "labels": dict(names.DERIVED_LABELS),
                "ownerReferences": [owner_reference("RuntimeEnvVar", self.ref.name, self.uid)],
            },
            "type": names.ENCRYPTED_TYPE,
            "data": {key: base64.b64encode(raw).decode() for key, raw in entries.items()},
        }


class _Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON under ``record``; read one release before a new ``format`` is written."""

    format: int
    name: str
    uid: str
    tenant: str
    scope: str
    target: str
    variable: str
    enabled: bool
    created: str
    origin: str = msgspec.field(name="from")
    changed: str
    value_changed: str
    workspace: str = ""
    project: str = ""


_DECODER: Final = msgspec.json.Decoder(_Stored)


def read_record(secret: Secret) -> Record | None:
    """The record in an encrypted Secret; None when it is not of the form that we write."""
    try:
        stored = _DECODER.decode(secret.data["record"])
        envelope = secret.data["envelope"].decode() if "envelope" in secret.data else None
        named = secret.metadata.name == names.encrypted_secret_name(stored.uid)
        if not named or stored.format != FORMAT or set(secret.data) - {"record", "envelope"}:
            return None
        scope = scope_of(stored.scope, stored.tenant, stored.workspace or None, stored.project or None)
        layer = Layer(scope, parse_target("target", stored.target))
        return Record(
            Ref(secret.metadata.namespace, stored.name),
            stored.uid,
            secret.metadata.version,
            Identity(layer, parse_name("name", stored.variable)),
            stored.enabled,
            stored.created,
            Origin.parse(stored.origin),
            _moment(stored.changed),
            _moment(stored.value_changed),
            Envelope.parse(envelope) if envelope is not None else None,
        )
    except (KeyError, ValueError, RuntimeEnvError):
        return None


def _moment(text: str) -> str:
    """RFC 3339 in UTC with microseconds, as we write it; raises ValueError."""
    if len(text) != len("2026-11-24T12:00:00.000000Z") or datetime.fromisoformat(text).utcoffset() != timedelta(0):
        raise ValueError("not a moment of ours")
    return text


def recorded_uid(secret: Ref) -> str:
    """The UID of the variable whose record an encrypted Secret of this name holds."""
    return secret.name.removeprefix(names.encrypted_secret_name(""))


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    """The reference that lets garbage collection follow its owner."""
    return {"apiVersion": names.API_VERSION, "kind": kind, "name": name, "uid": uid, "controller": True}


def _stored(record: Record) -> _Stored:
    scope, tenant, workspace, project = scope_fields(record.identity.layer.scope)
    return _Stored(
        format=FORMAT,
        name=record.ref.name,
        uid=record.uid,
        tenant=tenant,
        scope=scope,
        target=record.identity.layer.target,
        variable=record.identity.name,
        enabled=record.enabled,
        created=record.created,
        origin=str(record.origin),
        changed=record.changed,
        value_changed=record.value_changed,
        workspace=workspace,
        project=project,
    )
