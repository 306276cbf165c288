"""Stage 1: one RuntimeEnvVar becomes one encrypted Secret, and its status (design §5.3, §5.5)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.controller.admission import admitted, read_variable
from runtimeenv.controller.encrypted_secrets import EncryptedSecrets
from runtimeenv.controller.events import Events
from runtimeenv.controller.records import Record
from runtimeenv.controller.renewal import opened, renewed
from runtimeenv.controller.shared import Shared
from runtimeenv.controller.sources import Sources, Unreadable
from runtimeenv.controller.statuses import Outcome, ended, reason_of, report, status_manifest, unreadable, write_refused
from runtimeenv.controller.tally import Tally
from runtimeenv.controller.waiting import Waiting
from runtimeenv.core.conditions import state_of
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.resources import Propagation, RuntimeEnvVar, RuntimeEnvVarStatus
from runtimeenv.core.values import MASK, Plaintext
from runtimeenv.errors import Invalid, Rejected, Stale, Unavailable

UNSEEN: Final = 0.05
"""Seconds until the reflector of metadata is asked again for a variable that kopf told of first."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    """A run so far: how it ended, the record that stands now, and the value where it was read."""

    outcome: Outcome
    record: Record | None = None
    value: Plaintext | None = None


class Variables:
    """Reconciles variables; the queue sees to it that no two runs of one overlap.

    ``refresh`` tells the queue what its object became. ``reasons`` are those that the statuses tell.
    """

    def __init__(
        self,
        shared: Shared,
        secrets: EncryptedSecrets,
        sources: Sources,
        events: Events,
        refresh: Callable[[Ref, RuntimeEnvVar], None],
        allowed_names: frozenset[str] = frozenset(),
    ) -> None:
        self._shared = shared
        self._index = shared.index
        self._cluster = shared.cluster
        self._secrets = secrets
        self._sources = sources
        self._events = events
        self._refresh = refresh
        self._allowed_names = allowed_names
        self.reasons: Tally[Ref] = Tally()
        self._waiting = Waiting()
        self._echoes: dict[Ref, str] = {}
        self._passed: dict[Ref, str] = {}

    async def reconcile(self, ref: Ref, variable: RuntimeEnvVar | None) -> float | None:
        """One run. Returns the seconds after which to run again, or None. The API server's failures are raised."""
        passed = self._passed.pop(ref, None)
        if variable is None or self._outdated(variable) or variable.metadata.resource_version == passed:
            variable = await self._get(ref)
            if variable is None:
                return None
            self._refresh(ref, variable)
        meta = variable.metadata
        if not self._shared.census.exists(ref, meta.uid):
            self.forget(ref)
            return UNSEEN if int(meta.resource_version) > self._shared.census.version() else None
        if not self._index.uid(ref.namespace):
            return UNSEEN
        if self._outdated(variable):
            self._index.distrust(meta.uid)  # even the API server's object is older: no record of ours says so
        result = await self._tried(variable)
        return await self._report(variable, result)

    def forget(self, ref: Ref) -> None:
        """A variable is gone."""
        self.reasons.remove(ref)
        self._waiting.end(ref)
        self._echoes.pop(ref, None)
        self._passed.pop(ref, None)

    def is_echo(self, variable: RuntimeEnvVar) -> bool:
        """Is this what our own write of its status made of what a run saw? Then nothing is new in it."""
        version = self._echoes.get(variable.ref)
        if version is None or int(variable.metadata.resource_version) < int(version):
            return False
        return self._echoes.pop(variable.ref) == variable.metadata.resource_version

    def _outdated(self, variable: RuntimeEnvVar) -> bool:
        """Was its record made of a newer generation?"""
        known = self._index.record(variable.metadata.uid)
        return known is not None and known.origin.generation > variable.metadata.generation

    async def _get(self, ref: Ref) -> RuntimeEnvVar | None:
        found = await self._cluster.get(RUNTIME_ENV_VARS, ref)
        try:
            return read_variable(found) if found is not None else None
        except Invalid as error:
            log.warning("variable out of form", extra={"ref": str(ref), "reason": error.field})
            self._shared.census.tried(ref.namespace, found.metadata.uid if found is not None else "")
            return None

    async def _tried(self, variable: RuntimeEnvVar) -> _Result:
        """A run, after which nothing waits any more for this variable to be tried, unless the run is to be repeated."""
        meta = variable.metadata
        try:
            result = await self._run(variable)
        except (Stale, Unavailable):
            raise
        except Rejected as error:
            result = _Result(write_refused(error), self._index.record(meta.uid))
        except Exception:
            self._shared.census.tried(meta.namespace, meta.uid)
            raise
        self._shared.census.tried(meta.namespace, meta.uid)
        return result

    async def _run(self, variable: RuntimeEnvVar) -> _Result:
        identity = admitted(variable, self._index.enrolment(variable.metadata.namespace), self._allowed_names)
        if isinstance(identity, Outcome):
            self._shared.dependents.read(variable.ref, None)
            await self._secrets.withdraw(variable.metadata.namespace, variable.metadata.uid)
            return _Result(identity)
        self._sources.note(variable)
        last = self._index.record(variable.metadata.uid)
        if last is not None and last.ref != variable.ref:
            last = None  # a copy in another place, seen before this one's
        if last is not None and self._is_current(last, variable, identity):
            return _Result(ended(last), last)
        if last is None or self._index.foreign(last.uid):
            await self._shared.presence.confirm(variable.ref.namespace, self._index.uid(variable.ref.namespace))
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
                record = replace(record, version=await self._secrets.write(record, last))
            except Rejected as error:
                return _Result(write_refused(error), last or self._claim(record))
            self._shared.affect(self._index.put(record))
            if not self._shared.census.exists(record.ref, record.uid):
                await self._secrets.withdraw(record.ref.namespace, record.uid)  # deleted meanwhile
        else:
            record = last
        return _Result(
            unreadable(reading, record) if isinstance(reading, Unreadable) else ended(record), record, new.value
        )

    def _claim(self, record: Record) -> Record:
        """What can't be stored claims its identity all the same: its NAME is withheld, so that no wider one shows."""
        claim = replace(record, envelope=None)
        self._shared.affect(self._index.put(claim))
        self._index.distrust(claim.uid)
        return claim

    async def _report(self, variable: RuntimeEnvVar, result: _Result) -> float | None:
        outcome, record = result.outcome, result.record
        propagation = None
        if record is not None:
            holders = self._index.holders(record)
            propagation = Propagation(done=len(holders.held), total=holders.total)
            winner = self._index.winner(record.identity)
            if winner is not None and winner.uid != record.uid:
                told = f"{winner.ref} defines this variable already: delete one of the two"
                outcome = Outcome("Conflict", told, outcome.retry)
            elif state_of(outcome.reason) == "Ready" and holders.waiting:
                self._shared.dependents.wait(variable.ref, holders.waiting)
                outcome = Outcome("Propagating", f"{propagation.done} of {propagation.total} RuntimeEnvs hold it")
                if quiet := self._waiting.quiet(variable.ref):
                    self._waiting.keep(variable.ref, record.value_changed, result.value)
                    return quiet
        if self._shared.census.exists(variable.ref, variable.metadata.uid):
            self.reasons.put(variable.ref, outcome.reason)
        preview = self._preview(variable, result)
        if outcome.reason != "Propagating":
            self._waiting.end(variable.ref)
        status = report(variable, outcome, record, preview, propagation, self._shared.now())
        await self._write(variable, status, outcome)
        return self._waiting.told(variable.ref) if outcome.reason == "Propagating" else outcome.retry

    async def _write(self, variable: RuntimeEnvVar, status: RuntimeEnvVarStatus, outcome: Outcome) -> None:
        last = variable.status
        if last is not None and status == last.model_copy(update={"propagation": status.propagation}):
            return  # how many RuntimeEnvs there are is as of the last write, or each new one would cost many
        meta = variable.metadata
        try:
            version = await self._cluster.replace_status(status_manifest(variable, status), meta.resource_version)
        except Stale as error:
            if error.status == 404:
                return
            self._passed[variable.ref] = meta.resource_version  # the next run looks itself, unless kopf told of another
            raise
        self._echoes[variable.ref] = version
        meta = meta.model_copy(update={"resource_version": version})
        self._refresh(variable.ref, variable.model_copy(update={"metadata": meta, "status": status}))
        await self._events.variable(variable, reason_of(variable.status), outcome)

    def _preview(self, variable: RuntimeEnvVar, result: _Result) -> str | None:
        record, status = result.record, variable.status
        if record is None or record.envelope is None:
            return MASK
        if result.value is not None:
            return result.value.preview
        if kept := self._waiting.preview(variable.ref, record.value_changed):
            return kept
        if status is not None and status.preview and status.updated_at == record.changed:
            return status.preview
        value = opened(record, self._shared.keyring())
        return value.preview if value is not None else MASK
