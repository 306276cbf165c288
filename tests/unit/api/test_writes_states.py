"""Any writes through two replicas, with late watches and a failing API server: reads that answer, answer the truth."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.api.claimants import Entry
from runtimeenv.api.writes import Change, Draft
from runtimeenv.core.values import Plaintext
from runtimeenv.errors import Rejected, RuntimeEnvError, Stale, Unavailable
from tests.fakes.clock import VirtualTimeLoop
from tests.unit.api.replicas import ACME, Replica, Scene, any_state, identity, scene

NAMES = ("A", "B")
FAULTS: dict[str, RuntimeEnvError] = {
    "stale": Stale(409, "write"),
    "away": Unavailable(0, "write"),
    "refused": Rejected(422, "write"),
}


@dataclass(frozen=True)
class Step:
    """One write through one replica, what fails meanwhile, and whether the watches tell of it in time."""

    verb: str
    name: str
    value: int
    replica: int
    late: bool = False
    fault: str = ""
    times: int = 1


@dataclass
class Model:
    """What the variables are by all that was answered: NAME → (value, enabled, notes)."""

    scene: Scene
    variables: dict[str, tuple[str, bool, dict[str, Any]]] = field(default_factory=dict)

    async def take(self, step: Step) -> None:
        """One step; where it fails, nothing has changed."""
        replica = (self.scene.one, self.scene.other)[step.replica]
        faults = self.scene.cluster.faults
        if step.fault:
            for verb in ("create", "patch", "delete"):
                faults.fail(FAULTS[step.fault], step.times, verb=verb, kind="runtimeenvvars")  # type: ignore[arg-type]
        if step.late:
            faults.events_flow.clear()
        try:
            revision = await self._write(replica, step)
        except RuntimeEnvError:
            assert step.late or step.fault or step.name not in self.variables
        else:
            other = (self.scene.other, self.scene.one)[step.replica]
            for reader, version in ((replica, 0), (other, int(revision))):
                with suppress(Unavailable) if step.late else nullcontext():
                    await self._compare(reader, version)
        finally:
            faults._failures.clear()
            faults.events_flow.set()
        await asyncio.sleep(1)
        for each in (self.scene.one, self.scene.other):
            await self._compare(each, 0)

    async def _write(self, replica: Replica, step: Step) -> str:
        who, value = identity(step.name), str(step.value)
        known = self.variables.get(step.name)
        if step.verb == "post":
            done = await replica.writes.upsert(ACME, Draft(who, Plaintext(value), True, {"n": step.value}))
            assert done.created == (known is None)
            self.variables[step.name] = (value, True, {"n": step.value})
            return done.revision
        if step.verb == "delete":
            revision = await replica.writes.delete(ACME, who.id, any_state)
            del self.variables[step.name]
            return revision
        change = Change(enabled=bool(step.value % 2)) if step.verb == "enable" else Change(Plaintext(value))
        done = await replica.writes.update(ACME, who.id, change, any_state)
        assert known is not None
        self.variables[step.name] = (
            (known[0], bool(step.value % 2), known[2]) if step.verb == "enable" else (value, *known[1:])
        )
        return done.revision

    async def _compare(self, replica: Replica, revision: int) -> None:
        """What a GET of everything answers, if it answers."""
        await replica.catalog.reached("acme", revision)
        shown = {entry.identity.name: self._state(entry) for entry in replica.catalog.select(ACME)}
        assert shown == self.variables

    def _state(self, entry: Entry) -> tuple[str, bool, dict[str, Any]]:
        return (self.scene.value(entry.ref, entry.identity), entry.enabled, dict(entry.notes))


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(("post", "post", "patch", "enable", "delete")),
        st.sampled_from(NAMES),
        st.integers(0, 9),
        st.integers(0, 1),
        st.booleans(),
        st.sampled_from(("", "", "", *FAULTS)),
        st.integers(1, 9),
    ),
    max_size=12,
)


async def _tell(taken: list[Step]) -> None:
    async with scene() as made:
        model = Model(made)
        for step in taken:
            await model.take(step)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_whatever_is_written_reads_that_answer_agree(taken: list[Step]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_tell(taken))
