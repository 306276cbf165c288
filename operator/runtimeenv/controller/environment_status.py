"""The status of a RuntimeEnv: what its pods receive, and why; never a value. Pure (design §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runtimeenv.cluster.objects import RuntimeEnvObject, listing_digest
from runtimeenv.controller.statuses import Outcome, status_patch
from runtimeenv.core.conditions import Condition, conditions
from runtimeenv.core.resources import ReceivedVariable, RuntimeEnvStatus


@dataclass(frozen=True, slots=True)
class Held:
    """What a RuntimeEnv holds: its revision, its Secret's resourceVersion, and a digest of the list in its status."""

    revision: str = ""
    version: str = ""
    listing: bytes = b""


@dataclass(frozen=True, slots=True)
class Told:
    """What a status says, as far as a change of it is worth a write."""

    held: Held
    reason: str
    message: str
    generation: int


def held(revision: str, version: str, variables: Sequence[ReceivedVariable]) -> Held:
    """What is held after a run."""
    return Held(revision, version, listing_digest([variable.manifest() for variable in variables]))


def told_by(found: RuntimeEnvObject) -> Told:
    """What the stored status says: at a start, all that is known of the run before."""
    status = found.status
    ready = next((c for c in status.conditions if c.type == "Ready"), None)
    return Told(
        Held(status.revision, status.secret_version, status.variables or b""),
        ready.reason if ready else "",
        ready.message if ready else "",
        status.observed_generation,
    )


def status_after(
    found: RuntimeEnvObject, outcome: Outcome, now_held: Held, variables: Sequence[ReceivedVariable], now: datetime
) -> dict[str, Any]:
    """The merge patch after a run. TooLarge and WriteRefused leave what the last good environment was as it stands."""
    generation = found.metadata.generation
    previous = [
        Condition.model_validate(
            {"type": c.type, "status": c.status, "reason": c.reason or "None"}
            | {"lastTransitionTime": c.last_transition_time}
        )
        for c in found.status.conditions
    ]
    status = RuntimeEnvStatus(
        observed_generation=generation,
        conditions=conditions(outcome.reason, outcome.message, generation, now, previous),
    )
    if outcome.reason in ("TooLarge", "WriteRefused"):
        return {"metadata": {"uid": found.metadata.uid}, "status": status.manifest()}
    if outcome.reason == "Materialized":
        status = status.model_copy(
            update={
                "secret_name": found.metadata.name,
                "revision": now_held.revision,
                "secret_version": now_held.version,
                "variables": list(variables),
            }
        )
    return status_patch(found.metadata.uid, status)
