"""What is done again and again beside a test."""

from itertools import count
from threading import Event

from tests.steady import steadily


def test_what_failed_meanwhile_is_told_and_what_did_not_is_not() -> None:
    attempts, enough = count(1), Event()

    def attempt() -> str:
        number = next(attempts)
        if number > 3:
            enough.set()
        return "refused" if number == 2 else ""

    with steadily(attempt) as failures:
        assert enough.wait(10)
    assert failures == ["refused"]
