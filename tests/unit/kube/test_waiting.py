"""Waiting for conditions."""

from collections.abc import Iterator

import pytest

from tests.kube.waiting import Hopeless, TimedOut, wait


def test_the_first_true_answer_is_returned() -> None:
    answers = iter([None, False, 0, "there", "too late"])
    assert wait(lambda: next(answers), "it") == "there"


def test_an_exception_means_not_yet() -> None:
    def steps() -> Iterator[str]:
        yield from ("", "there")

    answers = steps()

    def condition() -> str:
        if not (answer := next(answers)):
            raise KeyError("status")
        return answer

    assert wait(condition, "it") == "there"


def test_a_time_out_names_what_was_awaited_and_how_it_failed_last() -> None:
    def condition() -> bool:
        raise KeyError("status")

    with pytest.raises(TimedOut, match=r"waited 0 s for the pod; last: KeyError: 'status'"):
        wait(condition, "the pod", timeout=0)


def test_what_can_no_longer_come_true_ends_the_wait() -> None:
    def condition() -> bool:
        raise Hopeless("etcd ended with 1")

    with pytest.raises(Hopeless, match="etcd ended with 1"):
        wait(condition, "etcd")
