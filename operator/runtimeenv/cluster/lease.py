"""Which replica is active: leader election on a Lease.

A loop of its own: that of kubernetes.aio.leaderelection can't empty ``holderIdentity``, writes local time as UTC, logs
the bodies of errors, and leaves its leading task running when a time-out ends it.

Others' clocks are not believed: a lease has run out when it was seen unchanged for its whole duration by our own
clock. The holder stops before that, after `RENEW_WITHIN` without a successful renewal, even if a request hangs.
"""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from runtimeenv.cluster.kinds import LEASES
from runtimeenv.cluster.objects import LeaseObject, LeaseSpec
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import Ref
from runtimeenv.errors import ClusterError, Stale

DURATION: Final = 15
RENEW_WITHIN: Final = 10.0
RETRY: Final = 2.0

Outcome = Literal["ours", "another's", "unknown"]

log = logging.getLogger(__name__)


class Lease:
    """This replica's claim: `acquire`, then `keep` until it ends, then `release`. Times are seconds."""

    def __init__(self, cluster: Cluster, ref: Ref, identity: str) -> None:
        self.reachable = False
        """Did the API server answer the last attempt? A standby is ready then."""
        self._cluster = cluster
        self._ref = ref
        self._identity = identity
        self._seen: tuple[str, str | None] | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        while True:
            if await self._attempt() == "ours":
                return
            await asyncio.sleep(RETRY * random.uniform(1, 1.2))  # noqa: S311 - spreads the candidates

    async def keep(self) -> None:
        """Renew until another holds it, or renewing failed for `RENEW_WITHIN`: when this returns, stop at once."""
        outcome: Outcome = "ours"
        try:
            while outcome != "another's":
                async with asyncio.timeout_at(self._renewed_at + RENEW_WITHIN):
                    await asyncio.sleep(RETRY)
                    outcome = await self._attempt()
        except TimeoutError:
            log.error("lease not renewed in time", extra={"ref": str(self._ref)})

    async def release(self) -> None:
        """Empty ``holderIdentity`` if it is ours, so that another replica needn't wait for the lease to run out."""
        try:
            current = await self._cluster.get(LEASES, self._ref)
            if current is not None and current.spec.holder_identity == self._identity:
                free = LeaseSpec(lease_duration_seconds=1, lease_transitions=current.spec.lease_transitions)
                await self._write(free, current)
        except ClusterError as error:
            log.warning("lease not released", extra={"ref": str(self._ref), "reason": str(error)})

    async def _attempt(self) -> Outcome:
        started = asyncio.get_running_loop().time()
        try:
            current = await self._cluster.get(LEASES, self._ref)
            self.reachable = True
            if not self._is_free(current, started):
                return "another's"
            await self._write(self._claim(current), current)
        except Stale:
            return "unknown"
        except ClusterError as error:
            self.reachable = False
            log.warning("lease not reached", extra={"ref": str(self._ref), "reason": str(error)})
            return "unknown"
        self._renewed_at = started
        return "ours"

    def _is_free(self, current: LeaseObject | None, now: float) -> bool:
        if current is None or current.spec.holder_identity in ("", self._identity):
            return True
        seen = (current.spec.holder_identity, current.spec.renew_time)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now >= self._seen_at + (current.spec.lease_duration_seconds or DURATION)

    def _claim(self, current: LeaseObject | None) -> LeaseSpec:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        last = current.spec if current else LeaseSpec()
        renewed = last.holder_identity == self._identity
        return LeaseSpec(
            holder_identity=self._identity,
            lease_duration_seconds=DURATION,
            acquire_time=last.acquire_time if renewed else now,
            renew_time=now,
            lease_transitions=last.lease_transitions + (current is not None and not renewed),
        )

    async def _write(self, spec: LeaseSpec, current: LeaseObject | None) -> None:
        manifest = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.name,
            "metadata": {"namespace": self._ref.namespace, "name": self._ref.name},
            "spec": msgspec.to_builtins(spec),
        }
        await self._cluster.replace(manifest, current.metadata.resource_version if current else None)
