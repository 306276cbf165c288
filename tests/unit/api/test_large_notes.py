"""Notes that kubectl wrote larger than the API takes: they fill neither its memory nor its answers."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from runtimeenv.api.claimants import CLAIMANTS, LIVE, Claimant, entry
from runtimeenv.api.edits import Edit, changing
from runtimeenv.api.notes import SIZE_LIMIT, shown
from runtimeenv.core.tenancy import Enrolment
from tests.builders import variable

NONE: Final[dict[str, Any]] = {}
LARGEST: Final = {"note": "é" * (SIZE_LIMIT // 2 - 9), "x": 1}
LARGER: Final = {"note": "é" * (SIZE_LIMIT // 2 - 8), "x": 1}


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


def raw(notes: dict[str, Any]) -> bytes:
    meta = {"uid": "u", "resourceVersion": "7", "generation": 1, "labels": {"filling": "x"}}
    manifest = variable("acme/a", metadata=notes)
    return msgspec.json.encode({**manifest, "metadata": {**manifest["metadata"], **meta}})


def answered(found: Claimant) -> tuple[dict[str, Any], str]:
    made = entry(found, Enrolment("acme"), frozenset())
    assert made
    return msgspec.json.decode(made.item)["metadata"], made.etag


@pytest.mark.parametrize(("notes", "told"), [(NONE, NONE), (LARGEST, LARGEST), (LARGER, NONE), (deep(16), deep(16))])
def test_larger_notes_than_the_api_takes_are_not_shown(notes: dict[str, Any], told: dict[str, Any]) -> None:
    assert answered(CLAIMANTS.decode(raw(notes)))[0] == told


def test_notes_nested_too_deeply_to_be_measured_are_not_shown() -> None:
    assert shown(deep(5000)) == NONE


def test_larger_notes_are_not_even_kept() -> None:
    assert CLAIMANTS.decode(raw(LARGEST)).spec.metadata == LARGEST
    assert CLAIMANTS.decode(raw(LARGER)).spec.metadata == {}
    assert "filling" not in str(msgspec.to_builtins(CLAIMANTS.decode(raw(NONE)).metadata))


@pytest.mark.parametrize("notes", [NONE, LARGEST, LARGER])
def test_an_etag_is_the_same_for_the_object_that_is_read_before_a_write(notes: dict[str, Any]) -> None:
    assert answered(CLAIMANTS.decode(raw(notes))) == answered(LIVE.decode(raw(notes)))


def test_notes_that_are_not_shown_can_be_emptied() -> None:
    [_, emptied, _] = changing(LIVE.decode(raw(LARGER)), Edit(None, None, {}), "key")
    assert (emptied["path"], emptied["value"]) == ("/spec/metadata", {})
