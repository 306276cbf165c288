"""The status that a stage-1 run reports. Pure (design §3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runtimeenv.controller.queue import LONGEST_BACKOFF, UNAVAILABLE_BACKOFF
from runtimeenv.controller.records import Record
from runtimeenv.controller.sources import Unreadable
from runtimeenv.core import names
from runtimeenv.core.conditions import Reason, conditions
from runtimeenv.core.resources import Propagation, RuntimeEnvVar, RuntimeEnvVarStatus, Status
from runtimeenv.errors import Rejected


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: a reason of the one vocabulary and a sentence. ``retry``: seconds until the next attempt."""

    reason: Reason
    message: str = ""
    retry: float | None = None


def report(
    variable: RuntimeEnvVar,
    outcome: Outcome,
    record: Record | None,
    preview: str | None,
    propagation: Propagation | None,
    now: datetime,
) -> RuntimeEnvVarStatus:
    """The whole status after a run. Without a record the variable is not admitted: the tenant it had stays noted."""
    last = variable.status or RuntimeEnvVarStatus()
    generation = variable.metadata.generation
    return RuntimeEnvVarStatus(
        observed_generation=generation,
        conditions=conditions(outcome.reason, outcome.message, generation, now, last.conditions or ()),
        id=record.identity.id if record else None,
        tenant_id=record.identity.tenant if record else last.tenant_id,
        preview=preview if record else None,
        created_at=variable.metadata.creation_timestamp,
        updated_at=record.changed if record else last.updated_at,
        propagation=propagation if record else None,
    )


def reason_of(status: Status | None) -> str:
    """The reason of the Ready condition; empty where there is none yet."""
    found = (status.conditions or ()) if status is not None else ()
    return next((c.reason for c in found if c.type == "Ready"), "")


def ended(record: Record) -> Outcome:
    """A variable that was read, and is encrypted."""
    if record.enabled:
        return Outcome("Materialized", "encrypted, and held by every RuntimeEnv of its layer")
    return Outcome("Disabled", "spec.enabled is false: no RuntimeEnv holds it")


def unreadable(reading: Unreadable, record: Record) -> Outcome:
    """A variable that could not be read; the record says what stands instead."""
    kept = "the last good value stays in use" if record.envelope is not None else "pods do not receive this name"
    retry = UNAVAILABLE_BACKOFF if reading.reason == "KeyUnavailable" else None
    return Outcome(reading.reason, f"{reading.message} ({kept})", retry)


def write_refused(error: Rejected) -> Outcome:
    """A 4xx that only somebody else can mend; retried at the longest back-off."""
    told = f"the API server refuses the derived Secret (HTTP {error.status}): see the namespace's policies and quotas"
    return Outcome("WriteRefused", told, LONGEST_BACKOFF)


def status_manifest(variable: RuntimeEnvVar, status: Status) -> dict[str, Any]:
    """The status alone, to be written whole; the UID makes the API server refuse it for another object of that name."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "RuntimeEnvVar",
        "metadata": {"name": variable.ref.name, "namespace": variable.ref.namespace, "uid": variable.metadata.uid},
        "status": status.manifest(),
    }


def status_patch(uid: str, status: Status) -> dict[str, Any]:
    """A merge patch. The UID makes the API server refuse it for another object of that name; None removes a field."""
    absent = dict.fromkeys((f.alias or name for name, f in type(status).model_fields.items()), None)
    return {"metadata": {"uid": uid}, "status": {**absent, **status.manifest()}}
