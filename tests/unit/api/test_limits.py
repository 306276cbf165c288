from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.limits import BURST, Limiter, neighbourhood

rates = st.floats(0.01, 10_000)
steps = st.lists(st.floats(0, 3), min_size=1, max_size=80)


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(limiter: Limiter, who: str = "a") -> int:
    """How many requests are let through now."""
    count = 0
    while limiter.take(who) == 0:
        count += 1
    return count


@given(st.integers(1, 500))
def test_two_seconds_of_the_rate_may_come_at_once(rate: int) -> None:
    assert taken(Limiter(rate, Clock())) == BURST * rate


def test_even_the_slowest_rate_lets_one_through() -> None:
    assert taken(Limiter(0.01, Clock())) == 1


@given(rates, steps)
def test_never_more_than_the_burst_and_the_rate_come_through(rate: float, waits: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(rate, clock)
    began, count = clock.now, 0
    for wait in waits:
        clock.now += wait
        count += limiter.take("a") == 0
        assert count <= max(BURST * rate, 1) + (clock.now - began) * rate + 1e-3


@given(rates, steps)
def test_who_waits_as_long_as_told_is_let_through(rate: float, waits: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(rate, clock)
    for wait in waits:
        clock.now += wait / 10
        if seconds := limiter.take("a"):
            clock.now += seconds
            assert limiter.take("a") == 0


@given(rates)
def test_asking_in_vain_never_prolongs_the_wait(rate: float) -> None:
    limiter = Limiter(rate, Clock())
    while not (first := limiter.take("a")):
        pass
    assert [limiter.take("a") for _ in range(20)] == [pytest.approx(first)] * 20
    assert first <= 1 / rate + 1e-6


def test_one_does_not_use_up_another_s() -> None:
    limiter = Limiter(5, Clock())
    assert taken(limiter, "a") == taken(limiter, "b") == 10


def test_a_rest_fills_the_bucket_and_no_more() -> None:
    clock = Clock()
    limiter = Limiter(5, clock)
    taken(limiter)
    clock.now += 3600
    assert taken(limiter) == 10


@given(st.lists(st.integers(0, 1000), max_size=200))
def test_only_so_many_are_remembered(asking: list[int]) -> None:
    limiter = Limiter(5, Clock(), remembered=10)
    for who in asking:
        limiter.take(str(who))
    assert len(limiter) == min(len(set(asking)), 10)


def test_who_asks_all_the_time_is_not_forgotten_for_others() -> None:
    limiter = Limiter(5, Clock(), remembered=10)
    taken(limiter, "busy")
    for who in range(1000):
        assert limiter.take("busy") > 0
        limiter.take(str(who))


def test_a_clock_that_stands_still_gives_nothing() -> None:
    limiter = Limiter(1, Clock())
    taken(limiter)
    assert math.isclose(limiter.take("a"), 1)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_customer_s_whole_network_counts_as_one(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted
