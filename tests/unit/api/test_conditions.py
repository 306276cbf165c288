"""Entity tags: strong comparison for writes, weak for reads."""

from __future__ import annotations

import pytest

from runtimeenv.api.conditions import if_match, if_none_match
from runtimeenv.errors import Invalid

TAG = '"0a1b"'


@pytest.mark.parametrize("header", [None, "*", " * ", TAG, f'"x", {TAG}', f'"a,b" ,\t{TAG}', f'W/"x",{TAG}'])
def test_a_write_goes_on_where_the_state_is_named_or_any_will_do(header: str | None) -> None:
    assert if_match(header)(TAG)


@pytest.mark.parametrize("header", ['"x"', '""', f"W/{TAG}", '"0a1b,"', '"*"'])
def test_a_write_stops_at_another_state_or_a_weak_tag(header: str) -> None:
    assert not if_match(header)(TAG)


@pytest.mark.parametrize("header", ["*", TAG, f"W/{TAG}", f'"x", {TAG}'])
def test_a_read_answers_nothing_new_to_who_has_it(header: str) -> None:
    assert if_none_match(header, TAG)


def test_a_read_answers_who_has_nothing_or_another_state() -> None:
    assert not if_none_match(None, TAG)
    assert not if_none_match('"x"', TAG)


@pytest.mark.parametrize("header", ["", "cAnArY", '"cAnArY', "*, *", f"{TAG} {TAG}", 'w/"x"', f"{TAG},", '"a b"'])
def test_tags_out_of_form_are_refused_without_an_echo(header: str) -> None:
    for read in (if_match, lambda text: if_none_match(text, TAG)):
        with pytest.raises(Invalid, match="entity tags") as refusal:
            read(header)
        assert "cAnArY" not in str(refusal.value)
