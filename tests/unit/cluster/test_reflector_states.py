"""Whatever happens to objects, events and connections, the mirror shows what the server holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.cluster.kinds import CONFIG_MAPS
from runtimeenv.cluster.objects import ConfigMap
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import LONGEST_DELAY, Reflector
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Unavailable
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.cluster import FakeCluster

NAMES = ("a", "b")
Step = tuple[str, str, str]

PUTS = st.tuples(st.just("put"), st.sampled_from(NAMES), st.sampled_from(("", "1", "2")))
OTHERS = st.tuples(st.sampled_from(("wait", "pause", "gap", "cut", "fail", "hold", "flow")), st.just(""), st.just(""))
STEPS = st.lists(st.one_of(PUTS, PUTS, OTHERS), max_size=40)


class World:
    """A server, its mirror, and the rules that every announcement must keep."""

    def __init__(self) -> None:
        self.cluster = FakeCluster(page_limit=1)
        self.known: dict[str, ConfigMap] = {}
        self.reflector = Reflector(self.cluster, CONFIG_MAPS, Query(), self._put, self._remove)

    def _put(self, new: ConfigMap, old: ConfigMap | None) -> None:
        assert old is self.known.get(new.metadata.name), "the old state is the one announced last"
        if old is not None:
            assert new.metadata.uid == old.metadata.uid
            assert new.metadata.version > old.metadata.version, "nothing is announced twice, or older after newer"
        self.known[new.metadata.name] = new

    def _remove(self, last: ConfigMap) -> None:
        assert self.known.pop(last.metadata.name) is last, "only what was announced is removed, and once"

    def stored(self) -> dict[str, tuple[str, str]]:
        return {
            manifest["metadata"]["name"]: (manifest["metadata"]["resourceVersion"], manifest["data"]["value"])
            for manifest in self.cluster.store.all(CONFIG_MAPS)
        }

    def mirrored(self) -> dict[str, tuple[str, str]]:
        return {name: (item.metadata.resource_version, item.data["value"]) for name, item in self.known.items()}

    def write(self, name: str, value: str) -> None:
        """Empty: it is gone."""
        if value:
            self.cluster.apply(manifest(name, value))
        else:
            self.cluster.store.delete(CONFIG_MAPS, Ref("acme", name))

    async def do(self, step: Step) -> None:
        action, name, value = step
        faults = self.cluster.faults
        actions: dict[str, Callable[[], object]] = {
            "put": lambda: self.write(name, value),
            "gap": self.cluster.forget_history,
            "cut": self.cluster.cut_watches,
            "fail": lambda: faults.fail(Unavailable(0, "away")),
            "hold": faults.events_flow.clear,
            "flow": faults.events_flow.set,
        }
        if action == "wait":
            await asyncio.sleep(LONGEST_DELAY)
        elif action == "pause":
            await asyncio.sleep(0)
        else:
            actions[action]()


def manifest(name: str, value: str) -> dict[str, Any]:
    metadata = {"namespace": "acme", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


async def live(steps: list[Step], repeat: int) -> None:
    world = World()
    world.cluster.faults.repeat = repeat
    running = asyncio.create_task(world.reflector.run())
    for step in steps:
        await world.do(step)
    world.cluster.faults.events_flow.set()
    await asyncio.sleep(60 * LONGEST_DELAY)
    assert not running.done()
    assert world.mirrored() == world.stored()
    assert set(world.reflector.objects) == {Ref("acme", name) for name in world.stored()}
    running.cancel()


@settings(deadline=None, max_examples=300)
@given(STEPS, st.sampled_from((1, 2)))
def test_the_mirror_ends_up_equal_to_the_server(steps: list[Step], repeat: int) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live(steps, repeat))
