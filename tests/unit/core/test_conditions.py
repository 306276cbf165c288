"""Ready, Reconciling and Stalled, as kstatus reads them (design §3, §5.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.core.conditions import Reason, conditions, state_of, timestamp

NOW = datetime(2026, 6, 15, 15, 16, 17, 999_999, UTC)
LATER = NOW + timedelta(minutes=1)

reasons = st.sampled_from(get_args(Reason))


@given(reasons)
def test_exactly_one_condition_is_true(reason: Reason) -> None:
    made = conditions(reason, "why", 3, NOW)
    assert [condition.type for condition in made] == ["Ready", "Reconciling", "Stalled"]
    assert [condition.type for condition in made if condition.status == "True"] == [state_of(reason)]
    assert {(condition.reason, condition.observed_generation) for condition in made} == {(reason, 3)}


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("Materialized", "Ready"),
        ("Disabled", "Ready"),
        ("Propagating", "Reconciling"),
        ("KeyUnavailable", "Reconciling"),
        ("Conflict", "Stalled"),
        ("SourceMissing", "Stalled"),
        ("WriteRefused", "Stalled"),
    ],
)
def test_a_reason_says_whether_to_wait_or_to_act(reason: Reason, state: str) -> None:
    assert state_of(reason) == state


@given(reasons)
def test_the_message_stands_where_it_is_looked_for(reason: Reason) -> None:
    having = {condition.type for condition in conditions(reason, "why", 1, NOW) if condition.message == "why"}
    assert having == {"Ready", state_of(reason)}


@given(reasons, reasons)
def test_a_transition_time_moves_exactly_with_the_status(before: Reason, after: Reason) -> None:
    old = conditions(before, "", 1, NOW)
    for was, now in zip(old, conditions(after, "", 2, LATER, old), strict=True):
        assert now.last_transition_time == timestamp(NOW if was.status == now.status else LATER)


def test_times_are_utc_to_the_second() -> None:
    assert timestamp(NOW) == "2026-06-15T15:16:17Z"
    assert timestamp(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-06-15T15:16:17Z"


def test_conditions_are_written_as_kubernetes_has_them() -> None:
    assert conditions("Disabled", "off", 1, NOW)[0].manifest() == {
        "type": "Ready",
        "status": "True",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-06-15T15:16:17Z",
        "reason": "Disabled",
        "message": "off",
    }
