"""Ready, Reconciling and Stalled (kstatus), and the one vocabulary of reasons (design §3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from runtimeenv.core.model import Model

ConditionType = Literal["Ready", "Reconciling", "Stalled"]
ConditionStatus = Literal["True", "False", "Unknown"]
Reason = Literal[
    "Materialized",
    "Disabled",
    "Propagating",
    "Conflict",
    "SourceMissing",
    "InvalidValue",
    "UnsealFailed",
    "NotEnrolled",
    "TenantMismatch",
    "KeyUnavailable",
    "TooLarge",
    "WriteRefused",
]

# Every other reason waits for somebody to act: Stalled.
_STATE: Final[Mapping[Reason, ConditionType]] = {
    "Materialized": "Ready",
    "Disabled": "Ready",
    "Propagating": "Reconciling",
    "KeyUnavailable": "Reconciling",
}


class Condition(Model):
    """One aspect of the object's state, in Kubernetes' usual form."""

    type: ConditionType
    """Ready, Reconciling or Stalled."""
    status: ConditionStatus
    """True, False or Unknown."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation that this condition speaks of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When status last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=64)]
    """One word for the cause, such as Materialized, Disabled, Propagating, Conflict, SourceMissing or UnsealFailed."""
    message: Annotated[str | None, Field(max_length=4096)] = None
    """The cause in a sentence that names the field and the mend; never a value."""


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC, to the second, as Kubernetes writes it; ``now`` must know its zone."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def state_of(reason: Reason) -> ConditionType:
    """The one condition that is True for a reason."""
    return _STATE.get(reason, "Stalled")


def conditions(
    reason: Reason, message: str, generation: int, now: datetime, previous: Iterable[Condition] = ()
) -> list[Condition]:
    """All three conditions for one outcome; one whose status stays keeps its lastTransitionTime.

    The message stands on Ready and on the condition that is True; an empty one is left out, since the API server
    tracks who owns each field.
    """
    before = {c.type: c for c in previous}
    state = state_of(reason)

    def one(kind: ConditionType) -> Condition:
        status: ConditionStatus = "True" if kind == state else "False"
        old = before.get(kind)
        return Condition(
            type=kind,
            status=status,
            observed_generation=generation,
            last_transition_time=old.last_transition_time if old and old.status == status else timestamp(now),
            reason=reason,
            message=(message or None) if kind in ("Ready", state) else None,
        )

    return [one(kind) for kind in get_args(ConditionType)]
