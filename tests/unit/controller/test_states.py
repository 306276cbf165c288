"""Whatever users, foul play, the network and the controller's own deaths do, in whatever order (architecture §7):

pods receive nothing older after Ready, nothing partial after a restore, a restart that finds all well writes nothing,
and in the end everything is as it should be.
"""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import namespace, runtime_env
from tests.fakes.clock import VirtualTimeLoop
from tests.unit.controller.stories import DEATHS, ENVS, FOUL, NETWORK, USERS, Story
from tests.unit.controller.world import World, at, contents

Step = tuple[str, int, int]

PAUSES = ("pause", "wait", "wait")

ACTIONS = (*USERS, *FOUL, *NETWORK, *DEATHS)

# Few kinds of actions in one story, and few variables: so that they meet.
STEPS = st.tuples(
    st.sets(st.sampled_from(ACTIONS), min_size=1, max_size=5), st.sets(st.integers(0, 3), min_size=1)
).flatmap(
    lambda drawn: st.lists(
        st.tuples(
            st.sampled_from((*PAUSES, "put", *sorted(drawn[0]))), st.sampled_from(sorted(drawn[1])), st.integers(1, 3)
        ),
        max_size=30,
    )
)


async def told(steps: list[Step]) -> None:
    world = World(namespace("a", "acme"), namespace("b", "acme"), *(runtime_env(ref) for ref in ENVS))
    story = Story(world)
    await world.start()
    for step in (("put", 0, 1), ("wait", 0, 2), *steps):
        await story.do(*step)
    await story.end()
    story.check_end()
    story.check_history()
    await world.restart()
    assert not world.cluster.writes()
    before = world.cluster.store.version
    await world.restart(meanwhile=story.wipe_all)
    states = [
        contents(c.after)
        for c in world.cluster.store.history
        if c.version > before and c.after and c.key[2] in map(at, ENVS) and c.key[1] == "Secret"
    ]
    expected = {name: value.encode() for name, value in story.expected().items()}
    assert all(state == expected for state in states)
    story.check_end()
    await world.replica.stop()


@settings(deadline=None, max_examples=120)
@given(STEPS)
def test_it_ends_well_and_nothing_older_or_partial_is_seen_on_the_way(steps: list[Step]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(told(steps))
