"""Stage 2: encrypted Secrets become one Secret for each RuntimeEnv, and its status (design §5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from runtimeenv.cluster.kinds import RUNTIME_ENVS
from runtimeenv.cluster.objects import RuntimeEnvObject
from runtimeenv.controller.admission import refused
from runtimeenv.controller.env_secrets import EnvSecrets
from runtimeenv.controller.environment_status import Held, Told, held, status_after, told_by
from runtimeenv.controller.layout import Environment
from runtimeenv.controller.limiter import Limiter
from runtimeenv.controller.materialize import Broken, Contents, TooLarge, contents
from runtimeenv.controller.shared import Shared
from runtimeenv.controller.statuses import Outcome, write_refused
from runtimeenv.controller.tally import Tally
from runtimeenv.core.identity import Ref
from runtimeenv.core.resources import ReceivedVariable
from runtimeenv.errors import Rejected, Stale

PATIENCE: Final = 12
"""Failed runs in a row, about two minutes, after which a RuntimeEnv holds its variables up no longer (design §5.5)."""
QUIET: Final = 0.8
"""Seconds without a write after which a busy RuntimeEnv's status is written."""
TELL_WITHIN: Final = 10.0
"""Seconds that it waits at most."""
BURST: Final = 0.75
"""Seconds that a change waits at most for more of its tenant's, under way in stage 1; Propagating is told after one."""
LOOK_AGAIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, and what the RuntimeEnv holds after it."""

    outcome: Outcome
    held: Held
    variables: Sequence[ReceivedVariable] = ()


class Environments:
    """Reconciles RuntimeEnvs.

    ``found`` is the reflector's view of one; ``arriving`` says whether stage 1 works on its tenant's variables.
    """

    def __init__(
        self,
        shared: Shared,
        secrets: EnvSecrets,
        limiter: Limiter,
        found: Callable[[Ref], RuntimeEnvObject | None],
        arriving: Callable[[Ref], bool],
    ) -> None:
        self._shared = shared
        self._index = shared.index
        self._secrets = secrets
        self._limiter = limiter
        self._found = found
        self._arriving = arriving
        self.reasons: Tally[str] = Tally()
        self._changed: dict[Ref, float] = {}
        self._told: dict[str, Told] = {}
        self._written: dict[str, Held] = {}
        self._recent: dict[str, float] = {}
        self._tell_by: dict[str, float] = {}

    def changed(self, ref: Ref) -> None:
        """A RuntimeEnv, its Secret or what it should hold changed; it is offered, too."""
        self._changed.setdefault(ref, asyncio.get_running_loop().time())

    async def reconcile(self, ref: Ref, _item: None = None) -> float | None:
        """One run. The API server's failures are raised; whoever waited for this RuntimeEnv is let go all the same."""
        found, environment = self._found(ref), self._index.environment(ref)
        if pause := self._pause(ref, found):
            return pause
        self._changed.pop(ref, None)
        if found is None or environment is None:
            self._release(ref)
            await self._secrets.remove(ref)
            return None
        try:
            outcome = refused(found, self._index.enrolment(ref.namespace))
            if outcome is not None:
                await self._secrets.remove(ref)
                run = Run(outcome, Held())
            elif not self._complete(environment):
                return None  # offered when the last obligation of its tenant is met
            else:
                run = await self._materialize(found, environment)
            environment.broken = run.outcome.reason != "Materialized"
            self._count(found, run)
            busy = self._is_busy(found, run)
            if not busy:
                await self._report(found, run)
        except Exception:
            self.changed(ref)
            environment.failures += 1
            environment.broken = environment.failures >= PATIENCE
            self._release(ref)
            raise
        environment.failures = 0
        self._release(ref)
        return QUIET if busy else run.outcome.retry

    def forget(self, uid: str) -> None:
        """A RuntimeEnv is gone."""
        self.reasons.remove(uid)
        for known in (self._told, self._written, self._recent, self._tell_by):
            known.pop(uid, None)

    def _count(self, found: RuntimeEnvObject, run: Run) -> None:
        now = self._found(found.metadata.ref)
        if now is not None and now.metadata.uid == found.metadata.uid:
            self.reasons.put(found.metadata.uid, run.outcome.reason)

    def _pause(self, ref: Ref, found: RuntimeEnvObject | None) -> float:
        """Seconds to wait while more is arriving: before a change is written, and before the last one is told."""
        if found is None or not self._arriving(ref):
            return 0.0
        now, since = asyncio.get_running_loop().time(), self._changed.get(ref)
        if since is not None:
            return LOOK_AGAIN if now < since + BURST else 0.0
        return QUIET if now < self._tell_by.get(found.metadata.uid, 0.0) else 0.0

    def _complete(self, environment: Environment) -> bool:
        enrolment = self._index.enrolment(environment.ref.namespace)
        return enrolment is not None and self._shared.census.complete(self._index.namespaces(enrolment.tenant))

    async def _materialize(self, found: RuntimeEnvObject, environment: Environment) -> Run:
        tick, place = self._index.tick, self._index.uid(environment.ref.namespace)
        wanted = contents(self._index.found(environment))
        last = self._written.get(found.metadata.uid) or self._last(found).held
        try:
            version = await self._write(found, place, wanted, last)
        except TooLarge as error:
            return Run(Outcome("TooLarge", f"{error} (the last good environment stays in use)"), last)
        except Rejected as error:
            return Run(write_refused(error), last)
        except Broken as broken:
            self._index.distrust(broken.record.uid)
            self._shared.offer(broken.record.ref)
            raise Stale(0, f"materialize {environment.ref}") from None
        environment.materialized = tick
        variables = wanted.variables
        plural = "" if wanted.count == 1 else "s"
        outcome = Outcome("Materialized", f"pods receive {wanted.count} variable{plural}")
        return Run(outcome, held(wanted.revision, version, variables), variables)

    async def _write(self, found: RuntimeEnvObject, place: str, wanted: Contents, last: Held) -> str:
        """Write the Secret unless it is as it should be; its resourceVersion. ``place``: its namespace's UID."""
        wanted.check_count()
        if last.revision == wanted.revision and self._secrets.is_ours(found, last.version):
            return last.version
        values = wanted.opened(self._shared.keyring())
        await self._limiter.turn()
        if not self._secrets.is_last(found):
            await self._shared.presence.confirm(found.metadata.namespace, place)
        return await self._secrets.write(found, values)

    def _is_busy(self, found: RuntimeEnvObject, run: Run) -> bool:
        """Is more arriving, or was it written just now, and told lately? Then its status waits, at most `TELL_WITHIN`.

        A status with its list costs the API server several times what the Secret does.
        """
        uid, now, last = found.metadata.uid, asyncio.get_running_loop().time(), self._last(found)
        written = self._written.get(uid) != run.held
        self._written[uid] = run.held
        told = (last.reason, last.generation) == (run.outcome.reason, found.metadata.generation)
        lately = written and now < self._recent.get(uid, 0.0)
        arriving = run.held != last.held and self._arriving(found.metadata.ref)
        if told and (lately or arriving) and now < self._tell_by.setdefault(uid, now + TELL_WITHIN):
            return True
        self._tell_by.pop(uid, None)
        if written:
            self._recent[uid] = now + TELL_WITHIN
        return False

    def _last(self, found: RuntimeEnvObject) -> Told:
        return self._told.get(found.metadata.uid) or told_by(found)

    async def _report(self, found: RuntimeEnvObject, run: Run) -> None:
        """Write the status if it says anything new."""
        told = Told(run.held, run.outcome.reason, run.outcome.message, found.metadata.generation)
        if told == self._last(found):
            return
        patch = status_after(found, run.outcome, run.held, run.variables, self._shared.now())
        try:
            await self._shared.cluster.patch(RUNTIME_ENVS, found.metadata.ref, patch, subresource="status")
        except Stale:
            return  # made anew under its name, and offered
        except Rejected as error:
            if error.status != 404:
                raise
            return
        self._told[found.metadata.uid] = told

    def _release(self, ref: Ref) -> None:
        for variable in self._shared.dependents.release(ref):
            self._shared.offer(variable)
