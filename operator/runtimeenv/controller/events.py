"""Events on our objects: what somebody must act on, and take-overs. Reasons and messages are the conditions' own."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.statuses import Outcome
from runtimeenv.core import names
from runtimeenv.core.conditions import state_of
from runtimeenv.core.identity import Ref
from runtimeenv.core.resources import RuntimeEnvVar
from runtimeenv.errors import ClusterError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about."""

    kind: Literal["RuntimeEnvVar", "RuntimeEnv", "Pod"]
    ref: Ref
    uid: str


class Events:
    """Writes Events; one that can't be written is logged and dropped, since the condition says the same."""

    def __init__(self, cluster: Cluster, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now

    async def variable(self, variable: RuntimeEnvVar, before: str, outcome: Outcome) -> None:
        """A variable's reason changed from ``before`` to the outcome's."""
        subject = Subject("RuntimeEnvVar", variable.ref, variable.metadata.uid)
        if outcome.reason == before:
            return
        if state_of(outcome.reason) == "Stalled":
            await self.write(subject, "Warning", outcome.reason, outcome.message)
        elif before == "Conflict":
            message = "the older variable of this identity is gone: this one takes over"
            await self.write(subject, "Normal", "TakenOver", message)

    async def write(self, subject: Subject, level: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """One Event (events.k8s.io/v1)."""
        ref = subject.ref
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{ref.name[:200]}.{uuid.uuid4().hex[:16]}", "namespace": ref.namespace},
            "eventTime": self._now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": f"{names.GROUP}/controller",
            "reportingInstance": "runtime-env-controller",
            "action": "Reconcile",
            "type": level,
            "reason": reason,
            "note": message[:1024],
            "regarding": {
                "apiVersion": "v1" if subject.kind == "Pod" else names.API_VERSION,
                "kind": subject.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": subject.uid,
            },
        }
        try:
            await self._cluster.replace(event, None)
        except ClusterError as error:
            log.warning("event dropped", extra={"ref": str(ref), "reason": type(error).__name__})
