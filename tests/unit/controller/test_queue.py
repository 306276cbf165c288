"""Keyed work under virtual time: one run of a key at a time, none lost, failures waited out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.controller.limiter import Limiter
from runtimeenv.controller.queue import LONGEST_BACKOFF, UNAVAILABLE_BACKOFF, Queue
from runtimeenv.errors import KeyUnavailable, Rejected, Stale, Unavailable
from tests.fakes.clock import VirtualTimeLoop

pytestmark = pytest.mark.virtual_time

Run = tuple[float, str, int | None]


class Bench:
    """A queue whose work takes a second and does as it is told."""

    def __init__(self, *answers: float | Exception | None, workers: int = 2, interval: float = 0.0) -> None:
        self.answers = list(answers)
        self.runs: list[Run] = []
        self.inside: set[str] = set()
        self.during: Callable[[], Awaitable[None]] | None = None
        self.queue: Queue[str, int] = Queue(self._work, workers=workers, interval=interval)

    async def _work(self, key: str, item: int | None) -> float | None:
        assert key not in self.inside, "two runs of one key overlap"
        self.inside.add(key)
        self.runs.append((round(asyncio.get_running_loop().time(), 2), key, item))
        try:
            await (self.during() if self.during is not None else asyncio.sleep(1))
        finally:
            self.inside.discard(key)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def go(self, seconds: float) -> list[Run]:
        running = asyncio.create_task(self.queue.run())
        await asyncio.sleep(seconds)
        assert not running.done()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return self.runs

    @property
    def times(self) -> list[float]:
        return [at for at, _, _ in self.runs]


async def test_offers_before_a_run_are_one_run_with_the_last_item() -> None:
    bench = Bench()
    for item in (1, 2, 3):
        bench.queue.offer("a", item)
    bench.queue.offer("a")
    assert await bench.go(10) == [(0.0, "a", 3)]
    assert len(bench.queue) == 0


async def test_an_offer_during_a_run_makes_it_run_once_more() -> None:
    bench = Bench()
    asyncio.get_running_loop().call_later(0.5, bench.queue.offer, "a", 2)
    asyncio.get_running_loop().call_later(0.6, bench.queue.offer, "a")
    bench.queue.offer("a", 1)
    assert await bench.go(10) == [(0.0, "a", 1), (1.0, "a", 2)]


async def test_what_a_run_made_of_its_item_is_held_unless_a_newer_one_came() -> None:
    bench = Bench(5.0)
    asyncio.get_running_loop().call_later(0.5, bench.queue.refresh, "a", 10)
    bench.queue.offer("a", 1)
    assert await bench.go(10) == [(0.0, "a", 1), (6.0, "a", 10)]
    bench = Bench(5.0)
    asyncio.get_running_loop().call_later(0.4, bench.queue.offer, "a", 2)
    asyncio.get_running_loop().call_later(0.5, bench.queue.refresh, "a", 10)
    bench.queue.offer("a", 1)
    assert [item for _, _, item in await bench.go(10)] == [1, 2]


async def test_an_earlier_time_wins_over_a_later_one_and_keeps_the_item() -> None:
    bench = Bench(60.0)
    bench.queue.offer("a", 1)
    asyncio.get_running_loop().call_later(3, bench.queue.offer, "a")
    assert await bench.go(100) == [(0.0, "a", 1), (3.0, "a", 1)]


@pytest.mark.parametrize(
    ("error", "longest"),
    [
        (Unavailable(503, "x"), UNAVAILABLE_BACKOFF),
        (Stale(409, "x"), UNAVAILABLE_BACKOFF),
        (KeyUnavailable("x"), UNAVAILABLE_BACKOFF),
        (ValueError("x"), LONGEST_BACKOFF),
    ],
)
async def test_failures_are_retried_ever_later_up_to_a_limit(error: Exception, longest: float) -> None:
    bench = Bench(*[error] * 14)
    bench.queue.offer("a", 1)
    await bench.go(4000)
    waits = [round(after - before - 1, 2) for before, after in zip(bench.times, bench.times[1:], strict=False)]
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits == sorted(waits)
    assert max(waits) <= longest
    assert len(bench.runs) == 15
    assert {item for _, _, item in bench.runs} == {1}


async def test_a_refusal_is_retried_after_five_minutes_and_success_forgets_failures() -> None:
    bench = Bench(Rejected(403, "x"), None, Unavailable(503, "x"))
    bench.queue.offer("a", 1)
    asyncio.get_running_loop().call_later(400, bench.queue.offer, "a", 2)
    assert [at for at, _, _ in await bench.go(500)] == [0.0, 301.0, 400.0, 401.25]


async def test_the_log_says_what_was_refused_and_of_foreign_failures_the_class_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(Rejected(403, "update runtimeenvvars/status acme/x"), ValueError("sk-canary"))
    bench.queue.offer("acme/x", 1)
    await bench.go(400)
    told = [(record.message, record.__dict__["ref"], record.__dict__["reason"]) for record in caplog.records]
    assert told == [
        ("retried", "acme/x", "Rejected: update runtimeenvvars/status acme/x: HTTP 403"),
        ("failed", "acme/x", "ValueError"),
    ]


async def test_a_failing_key_holds_no_other_up() -> None:
    bench = Bench(*[Unavailable(503, "x")] * 3, workers=1)
    bench.queue.offer("a")
    bench.queue.offer("b")
    assert [key for _, key, _ in (await bench.go(30))[:2]] == ["a", "b"]


async def test_a_key_rests_between_runs_and_a_burst_is_one_run() -> None:
    bench = Bench(interval=5.0)
    bench.queue.offer("a")
    for seconds in (2, 3, 3.5):
        asyncio.get_running_loop().call_later(seconds, bench.queue.offer, "a")
    asyncio.get_running_loop().call_later(20, bench.queue.offer, "a")
    assert [at for at, _, _ in await bench.go(60)] == [0.0, 6.0, 20.0]


async def test_at_most_so_many_keys_run_at_once() -> None:
    bench = Bench(workers=2)
    for key in "abcde":
        bench.queue.offer(key)
    assert [at for at, _, _ in await bench.go(60)] == [0.0, 0.0, 1.0, 1.0, 2.0]


OFFERS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from((None, 1, 2, 3)),
    st.sampled_from((0.0, 0.3, 2.0)),
    st.sampled_from((0.0, 0.4, 1.5)),
)
ANSWERS = st.lists(st.sampled_from((None, 0.1, 4.0, Unavailable(503, "x"), ValueError("x"))), max_size=8)


@settings(deadline=None, max_examples=150)
@given(st.lists(OFFERS, min_size=1, max_size=15), ANSWERS, st.sampled_from((0.0, 0.5)), st.sampled_from((1, 3)))
def test_after_every_offer_there_is_a_run_that_began_later_with_the_newest_item(
    offers: list[tuple[str, int | None, float, float]],
    answers: list[float | Exception | None],
    interval: float,
    workers: int,
) -> None:
    async def story() -> None:
        bench = Bench(*answers, workers=workers, interval=interval)
        running = asyncio.create_task(bench.queue.run())
        last: dict[str, tuple[int, int | None]] = {}
        for key, item, after, pause in offers:
            held = item if item is not None or not pending(bench, key) else last[key][1]
            bench.queue.offer(key, item, after=after)
            last[key] = (len(bench.runs), held)
            await asyncio.sleep(pause)
        await asyncio.sleep(1000)
        for key, (since, item) in last.items():
            later = [found for _, k, found in bench.runs[since:] if k == key]
            assert later, "a run that began before the offer does not satisfy it"
            assert item is None or later[-1] == item
        assert len(bench.queue) == 0
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(story())


def pending(bench: Bench, key: str) -> bool:
    return key in bench.queue._entries


async def test_a_limiter_lets_a_burst_through_then_keeps_its_rate() -> None:
    limiter, loop = Limiter(10), asyncio.get_running_loop()
    await asyncio.sleep(5)
    begun = loop.time()
    times = []
    for _ in range(30):
        await limiter.turn()
        times.append(loop.time() - begun)
    assert times[9] < 0.1
    assert times[29] == pytest.approx(2.0, abs=0.15)
