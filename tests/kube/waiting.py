"""Wait for a condition: the one place of the tests that sleeps."""

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")


class Hopeless(Exception):
    """Raised by a condition that can no longer come true: ends the wait at once."""


class TimedOut(Exception):
    """A condition did not come true in time; the message says which, and how it failed last."""


def wait(condition: Callable[[], T | Literal[False] | None], what: str, timeout: float = 60) -> T:
    """Returns the first true answer of `condition`; its exceptions mean "not yet". Raises TimedOut (`timeout` in s)."""
    deadline = time.monotonic() + timeout
    pause = 0.02
    while True:
        try:
            if answer := condition():
                return answer
            failure = "it is not so yet"
        except Hopeless:
            raise
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {timeout:g} s for {what}; last: {failure}")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
