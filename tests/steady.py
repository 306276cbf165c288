"""The same done again and again beside a test: for what must not fail meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event


@contextmanager
def steadily(attempt: Callable[[], str]) -> Iterator[list[str]]:
    """Makes attempts, one after the other, until the block ends; the list has what those that failed said."""
    failures: list[str] = []
    over = Event()

    def go_on() -> int:
        attempts = 0
        while not over.is_set():
            attempts += 1
            if said := attempt():
                failures.append(said)
        return attempts

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        try:
            yield failures
        finally:
            over.set()
    assert going.result() > 0
