"""Waiting for a number to grow."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.api.waiting import Levels

pytestmark = pytest.mark.virtual_time


async def test_a_level_that_is_reached_already_is_not_waited_for() -> None:
    assert await Levels(3).reached(3, 0.0)


async def test_each_of_200_waiters_is_woken_at_its_own_level() -> None:
    levels, woken = Levels(), list[int]()

    async def wait(level: int) -> None:
        assert await levels.reached(level, 100.0)
        woken.append(level)

    tasks = [asyncio.create_task(wait(level)) for level in range(200, 0, -1)]
    await asyncio.sleep(1)
    for level in (0, 1, 7, 7, 199, 200):
        levels.reach(level)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sorted(woken) == list(range(1, level + 1))
    await asyncio.gather(*tasks)
    assert len(levels) == 0


async def test_nobody_is_woken_before_the_time_is_up_and_nothing_is_left() -> None:
    levels = Levels(3)
    started = asyncio.get_running_loop().time()
    assert not any(await asyncio.gather(*(levels.reached(10**18, 2.0) for _ in range(200))))
    assert asyncio.get_running_loop().time() - started == pytest.approx(2.0)
    assert len(levels) == 0


async def test_who_waits_no_more_leaves_nothing() -> None:
    levels = Levels()
    tasks = [asyncio.create_task(levels.reached(level, 60.0)) for level in (1, 1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    assert len(levels) == 2
    levels.reach(2)
    assert all(await asyncio.gather(*tasks[1:]))


async def test_a_waiter_cancelled_as_it_is_woken_disturbs_nobody() -> None:
    levels = Levels()
    tasks = [asyncio.create_task(levels.reached(1, 60.0)) for _ in range(3)]
    await asyncio.sleep(0)
    levels.reach(1)
    tasks[1].cancel()
    assert all(await asyncio.gather(tasks[0], tasks[2]))
    assert len(levels) == 0


async def test_a_level_may_fall() -> None:
    levels = Levels(9)
    levels.reach(2)
    assert not await levels.reached(9, 1.0)
