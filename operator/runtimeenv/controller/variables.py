"""Stage 1: one RuntimeEnvVar becomes one encrypted Secret, and its status (design §5.3, §5.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, SECRET_METADATA, SECRETS
from runtimeenv.cluster.objects import RuntimeEnvVarObject
from runtimeenv.controller.admission import admitted
from runtimeenv.controller.events import Events
from runtimeenv.controller.queue import UNAVAILABLE_BACKOFF
from runtimeenv.controller.records import Record, read_record
from runtimeenv.controller.renewal import opened, renewed
from runtimeenv.controller.shared import Shared
from runtimeenv.controller.sources import Sources, Unreadable
from runtimeenv.controller.statuses import Outcome, reason_of, report, status_patch, write_refused
from runtimeenv.core import names
from runtimeenv.core.conditions import state_of
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.model import ObjectMeta
from runtimeenv.core.resources import Propagation, RuntimeEnvVar
from runtimeenv.core.values import MASK, Plaintext
from runtimeenv.errors import Rejected, Stale

FIRST_PROPAGATING: Final = 1.0
"""Seconds that a variable may wait for RuntimeEnvs before its status says so."""
NEXT_PROPAGATING: Final = 5.0
UNSEEN: Final = 0.05
"""Seconds until the reflector of metadata is asked again for a variable that kopf told of first."""


@dataclass(frozen=True, slots=True)
class _Result:
    """A run so far: how it ended, the record that stands now, and the value where it was read."""

    outcome: Outcome
    record: Record | None = None
    value: Plaintext | None = None


class Variables:
    """Reconciles variables; the queue sees to it that no two runs of one overlap.

    ``refresh`` tells the queue what its object became; ``seen`` is the version up to which the census knows.
    """

    def __init__(
        self,
        shared: Shared,
        sources: Sources,
        events: Events,
        refresh: Callable[[Ref, RuntimeEnvVar], None],
        seen: Callable[[], int],
        allowed_names: frozenset[str] = frozenset(),
    ) -> None:
        self._shared = shared
        self._index = shared.index
        self._cluster = shared.cluster
        self._sources = sources
        self._events = events
        self._refresh = refresh
        self._seen = seen
        self._allowed_names = allowed_names
        self._quiet_until: dict[Ref, float] = {}

    async def reconcile(self, ref: Ref, variable: RuntimeEnvVar | None) -> float | None:
        """One run. Returns the seconds after which to run again, or None. The API server's failures are raised."""
        if variable is None:
            variable = await self._get(ref)
        if variable is None:
            return None
        meta = variable.metadata
        if not self._shared.census.exists(ref, meta.uid):
            return UNSEEN if int(meta.resource_version) > self._seen() else None
        if not self._index.knows(ref.namespace):
            return UNSEEN
        known = self._index.record(meta.uid)
        if known is not None and known.origin.generation > meta.generation:
            return None
        result = await self._run(variable)
        self._shared.census.tried(ref.namespace, meta.uid)
        return await self._report(variable, result)

    async def withdraw(self, namespace: str, uid: str) -> None:
        """Delete a variable's encrypted Secret, if there is one. The index forgets it when the reflector tells."""
        ref = Ref(namespace, names.encrypted_secret_name(uid))
        secret = await self._cluster.get(SECRET_METADATA, ref)
        if secret is not None:
            await self._cluster.delete(SECRETS, ref, uid=secret.metadata.uid)

    async def _get(self, ref: Ref) -> RuntimeEnvVar | None:
        found = await self._cluster.get(RUNTIME_ENV_VARS, ref)
        return read_variable(found) if found is not None else None

    async def _run(self, variable: RuntimeEnvVar) -> _Result:
        identity = admitted(variable, self._index.enrolment(variable.metadata.namespace), self._allowed_names)
        if isinstance(identity, Outcome):
            self._shared.dependents.read(variable.ref, None)
            if self._index.record(variable.metadata.uid) is not None:
                await self.withdraw(variable.metadata.namespace, variable.metadata.uid)
            return _Result(identity)
        self._sources.note(variable)
        last = self._index.record(variable.metadata.uid)
        if last is not None and self._is_current(last, variable, identity):
            return _Result(_ended(last), last)
        return await self._encrypt(variable, identity, last)

    def _is_current(self, last: Record, variable: RuntimeEnvVar, identity: Identity) -> bool:
        return (
            last.envelope is not None
            and last.envelope.key_id == self._shared.keyring().primary().key_id
            and last.identity == identity
            and last.enabled == variable.spec.enabled
            and last.created == variable.metadata.creation_timestamp
            and last.origin == self._sources.origin(variable)
            and not self._index.foreign(last.uid)
        )

    async def _encrypt(self, variable: RuntimeEnvVar, identity: Identity, last: Record | None) -> _Result:
        reading = await self._sources.read(variable, identity)
        new = renewed(variable, identity, last, reading, self._shared.keyring(), self._shared.now())
        record = new.record
        if last is None or self._index.foreign(last.uid) or not last.same_but_version(record):
            try:
                record = replace(record, version=await self._store(record, last))
            except Rejected as error:
                return _Result(write_refused(error), last)
            self._shared.affect(self._index.put(record))
        else:
            record = last
        return _Result(
            _unreadable(reading, record) if isinstance(reading, Unreadable) else _ended(record), record, new.value
        )

    async def _store(self, record: Record, last: Record | None) -> int:
        try:
            return int(await self._cluster.replace(record.manifest(), str(last.version) if last else None))
        except Stale:
            if last is None:
                await self._clear(record)
            raise

    async def _clear(self, record: Record) -> None:
        """A Secret stands in the way: unless it is ours and the reflector is late, it goes."""
        ref = Ref(record.ref.namespace, names.encrypted_secret_name(record.uid))
        secret = await self._cluster.get(SECRETS, ref)
        if secret is not None and (secret.type != names.ENCRYPTED_TYPE or read_record(secret) is None):
            await self._cluster.delete(SECRETS, ref, uid=secret.metadata.uid)

    async def _report(self, variable: RuntimeEnvVar, result: _Result) -> float | None:
        outcome, record = result.outcome, result.record
        propagation = None
        if record is not None:
            holders = self._index.holders(record)
            propagation = Propagation(done=len(holders.held), total=holders.total)
            winner = self._index.winner(record.identity)
            if winner is not None and winner.uid != record.uid:
                outcome = Outcome("Conflict", f"{winner.ref} defines this variable already: delete one of the two")
            elif state_of(outcome.reason) == "Ready" and holders.waiting:
                self._shared.dependents.wait(variable.ref, holders.waiting)
                outcome = Outcome("Propagating", f"{propagation.done} of {propagation.total} RuntimeEnvs hold it")
                if quiet := self._quiet(variable.ref):
                    return quiet
        if outcome.reason != "Propagating":
            self._quiet_until.pop(variable.ref, None)
        await self._write_status(variable, outcome, result, propagation)
        return NEXT_PROPAGATING if outcome.reason == "Propagating" else outcome.retry

    def _quiet(self, ref: Ref) -> float:
        """Seconds until a waiting variable's status may be written; 0 when it is due."""
        now = asyncio.get_running_loop().time()
        left = self._quiet_until.setdefault(ref, now + FIRST_PROPAGATING) - now
        if left <= 0:
            self._quiet_until[ref] = now + NEXT_PROPAGATING
        return max(left, 0.0)

    async def _write_status(
        self, variable: RuntimeEnvVar, outcome: Outcome, result: _Result, propagation: Propagation | None
    ) -> None:
        preview = self._preview(variable, result)
        status = report(variable, outcome, result.record, preview, propagation, self._shared.now())
        if status == variable.status:
            return
        patch = status_patch(variable.metadata.uid, status)
        try:
            await self._cluster.patch(RUNTIME_ENV_VARS, variable.ref, patch, subresource="status")
        except Stale:
            return  # another object has this name by now, and was offered
        except Rejected as error:
            if error.status == 404:
                return
            raise
        self._refresh(variable.ref, variable.model_copy(update={"status": status}))
        await self._events.variable(variable, reason_of(variable.status), outcome)

    def _preview(self, variable: RuntimeEnvVar, result: _Result) -> str | None:
        record, status = result.record, variable.status
        if record is None or record.envelope is None:
            return MASK
        if result.value is not None:
            return result.value.preview
        if status is not None and status.preview and status.updated_at == record.changed:
            return status.preview
        value = opened(record, self._shared.keyring())
        return value.preview if value is not None else MASK


def _ended(record: Record) -> Outcome:
    if record.enabled:
        return Outcome("Materialized", "encrypted, and held by every RuntimeEnv of its layer")
    return Outcome("Disabled", "spec.enabled is false: no RuntimeEnv holds it")


def _unreadable(reading: Unreadable, record: Record) -> Outcome:
    kept = "the last good value stays in use" if record.envelope is not None else "pods do not receive this name"
    retry = UNAVAILABLE_BACKOFF if reading.reason == "KeyUnavailable" else None
    return Outcome(reading.reason, f"{reading.message} ({kept})", retry)


def read_variable(found: RuntimeEnvVarObject) -> RuntimeEnvVar:
    """An object of the API as its model; raises Invalid."""
    metadata = msgspec.structs.asdict(found.metadata)
    ours = {name: metadata[name] for name in ObjectMeta.model_fields if name in metadata}
    ours["labels"] = dict(found.metadata.labels)
    return RuntimeEnvVar.read({"metadata": ours, "spec": dict(found.spec), "status": dict(found.status) or None})
