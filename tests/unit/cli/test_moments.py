from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.cli.moments import LONGEST, UNITS, duration, end
from runtimeenv.errors import Invalid

NOW = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp())


@given(st.integers(0, 36_000), st.sampled_from("mhd"))
def test_a_duration_is_a_number_and_a_unit(number: int, unit: str) -> None:
    assert duration("--overlap", f"{number}{unit}") == number * UNITS[unit]


def test_nothing_is_a_duration_too() -> None:
    assert duration("--overlap", "0") == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "7w",
        "-7d",
        "7 d",
        "7d ",
        "1.5h",
        "\N{ARABIC-INDIC DIGIT SEVEN}d",
        "7D",
        f"{LONGEST}m",
        "99999999d",
    ],
)
def test_what_is_no_duration_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(Invalid, match="--overlap: "):
        duration("--overlap", text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90d", datetime(2027, 2, 22, 12, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_duration_from_now_or_a_date(text: str, moment: datetime) -> None:
    assert end("--expires", text, NOW) == moment.timestamp()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((past, "is not in the future") for past in ("2026-11-24", "1999-01-01", "0d")),
        *(
            (wrong, "give a duration")
            for wrong in ("", "soon", "2027-02-30", "2027-1", "31.01.2027", "2027-01-31T00:00Z")
        ),
    ],
)
def test_an_end_that_is_past_or_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=f"--expires: {reason}"):
        end("--expires", text, NOW)
