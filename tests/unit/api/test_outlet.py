from __future__ import annotations

import asyncio

import pytest

from runtimeenv.api.outlet import LITTLE, Outlet


class Filled(asyncio.Transport):
    """A transport with so many bytes unsent, at each look."""

    def __init__(self, *sizes: int) -> None:
        super().__init__({"sslcontext": None})
        self._sizes = iter(sizes)

    def get_write_buffer_size(self) -> int:
        return next(self._sizes)


@pytest.mark.parametrize(
    ("sizes", "looks"),
    [
        ((10 * LITTLE, 8 * LITTLE, 3 * LITTLE), [False, False, False]),
        ((10 * LITTLE, 9 * LITTLE + 1), [False, True]),
        ((10 * LITTLE, 10 * LITTLE), [False, True]),
        ((LITTLE, 0), [False, True]),
        ((0,), [True]),
    ],
)
def test_a_client_that_takes_something_is_waited_for_and_one_that_takes_next_to_nothing_is_not(
    sizes: tuple[int, ...], looks: list[bool]
) -> None:
    outlet = Outlet(Filled(*sizes), lambda: None)
    assert [outlet.stalled() for _ in sizes] == looks
