"""Keys of one group in a row, and no group waiting for all of another's."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.controller.queue import TURN, Queue, Turns

pytestmark = pytest.mark.virtual_time


def first(key: str) -> str:
    return key[0]


async def test_a_group_is_worked_on_in_a_row_though_its_keys_came_between_others() -> None:
    turns = Turns(first)
    for n in range(3):
        for group in "ab":
            turns.put_nowait(f"{group}{n}")
    assert [await turns.get() for _ in range(6)] == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_one_key_does_not_wait_for_all_of_a_large_group() -> None:
    turns = Turns(first)
    for n in range(10 * TURN):
        turns.put_nowait(f"a{n}")
    turns.put_nowait("b")
    taken = [await turns.get() for _ in range(10 * TURN + 1)]
    assert taken.index("b") == TURN
    assert [key for key in taken if key != "b"] == [f"a{n}" for n in range(10 * TURN)]


async def test_a_group_is_worked_on_while_a_key_of_it_is_due_or_running() -> None:
    async def work(_key: str, _item: None) -> float | None:
        seen.append((queue.works_on("a"), queue.works_on("b")))
        await asyncio.sleep(1)
        return None

    seen: list[tuple[bool, bool]] = []
    queue: Queue[str, None] = Queue(work, workers=1, group=first)
    queue.offer("a1")
    queue.offer("b1", after=60)
    assert (queue.works_on("a"), queue.works_on("b")) == (True, False)
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(5)
    assert (queue.works_on("a"), queue.works_on("b")) == (False, False)
    await asyncio.sleep(60)
    assert seen == [(True, False), (False, True)]
    running.cancel()


async def test_a_key_that_waits_for_a_distant_retry_is_not_due() -> None:
    async def work(_key: str, _item: None) -> float | None:
        return 300.0

    queue: Queue[str, None] = Queue(work)
    queue.offer("a")
    assert queue.due == 1
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(5)
    assert (queue.due, len(queue)) == (0, 1)
    running.cancel()
