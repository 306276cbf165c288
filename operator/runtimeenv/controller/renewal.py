"""What the next record of a variable says, given the last one and what was read. Pure but for encryption's salt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from runtimeenv.controller.records import Origin, Record
from runtimeenv.controller.sources import Reading, Unreadable
from runtimeenv.core.identity import Identity
from runtimeenv.core.resources import RuntimeEnvVar
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.envelope import decrypt, encrypt
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import CannotOpen

NEVER: Final = ""


@dataclass(frozen=True, slots=True)
class Renewed:
    """A record, and the value in it where it is known."""

    record: Record
    value: Plaintext | None


def renewed(
    variable: RuntimeEnvVar,
    identity: Identity,
    last: Record | None,
    reading: Reading | Unreadable,
    keyring: Keyring,
    now: datetime,
) -> Renewed:
    """The record to store. An unreadable variable keeps its last good value, unless its source was withdrawn."""
    blank = _blank(variable, identity)
    kept = opened(last, keyring) if last is not None else None
    if isinstance(reading, Reading):
        record = _dated(replace(blank, origin=reading.origin), last, now, same_value=kept == reading.value)
        return _encrypted(record, reading.value, last, kept, keyring)
    if last is None:
        return Renewed(_dated(blank, None, now, same_value=False), None)
    carried = replace(blank, changed=last.changed, value_changed=last.value_changed)
    if kept is None or reading.withdrawn:
        gone = moment(now, last.value_changed) if last.envelope is not None else last.value_changed
        return Renewed(replace(carried, value_changed=gone), None)
    return _encrypted(replace(carried, origin=last.origin), kept, last, kept, keyring)


def opened(record: Record, keyring: Keyring) -> Plaintext | None:
    """The record's value; None where it has none or does not open."""
    if record.envelope is None:
        return None
    try:
        return decrypt(record.envelope, record.bound, keyring)
    except CannotOpen:
        return None


def moment(now: datetime, after: str) -> str:
    """RFC 3339 with microseconds, and later than ``after`` even where the clock is not: revisions are made of it."""
    if after and now <= (last := datetime.fromisoformat(after)):
        now = last + timedelta(microseconds=1)
    return now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _blank(variable: RuntimeEnvVar, identity: Identity) -> Record:
    meta = variable.metadata
    return Record(
        ref=variable.ref,
        uid=meta.uid,
        version=0,
        identity=identity,
        enabled=variable.spec.enabled,
        created=meta.creation_timestamp,
        origin=Origin(meta.generation),
        changed=NEVER,
        value_changed=NEVER,
        envelope=None,
    )


def _dated(record: Record, last: Record | None, now: datetime, *, same_value: bool) -> Record:
    """The times of the last change of spec or source, and of the value."""
    if last is None:
        stamp = moment(now, NEVER)
        return replace(record, changed=stamp, value_changed=stamp)
    return replace(
        record,
        changed=last.changed if last.origin == record.origin else moment(now, last.changed),
        value_changed=last.value_changed if same_value else moment(now, last.value_changed),
    )


def _encrypted(
    record: Record, value: Plaintext, last: Record | None, kept: Plaintext | None, keyring: Keyring
) -> Renewed:
    """Encrypt, unless the last envelope holds just this, bound to just this, under the primary key."""
    key = keyring.primary()
    envelope = last.envelope if last is not None and kept == value and last.bound == record.bound else None
    if envelope is not None and envelope.key_id == key.key_id:
        return Renewed(replace(record, envelope=envelope), value)
    return Renewed(replace(record, envelope=encrypt(value, record.bound, key)), value)
