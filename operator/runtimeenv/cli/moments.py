"""Durations and dates as they are typed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from runtimeenv.errors import Invalid

UNITS: Final = {"m": 60, "h": 3600, "d": 86400}
LONGEST: Final = 100 * 366 * 86400

_DURATION = re.compile(r"([0-9]{1,8})([mhd])", re.ASCII)


def duration(option: str, text: str) -> int:
    """Seconds of ``30m``, ``12h``, ``90d`` or ``0``; raises Invalid, also above a hundred years."""
    parts = _DURATION.fullmatch("0m" if text == "0" else text)
    if parts is None:
        raise Invalid(option, "give a duration (90d, 12h, 30m)")
    if (seconds := int(parts[1]) * UNITS[parts[2]]) > LONGEST:
        raise Invalid(option, "is longer than a hundred years")
    return seconds


def end(option: str, text: str, now: int) -> int:
    """Seconds since 1970 of a duration from now, or of a date's beginning in UTC; raises Invalid unless ahead."""
    moment = now + duration(option, text) if _DURATION.fullmatch(text) else _date(option, text)
    if moment <= now:
        raise Invalid(option, "is not in the future")
    return moment


def _date(option: str, text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Invalid(option, "give a duration (90d, 12h, 30m) or a date (2027-01-31)") from None
