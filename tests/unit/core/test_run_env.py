import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from runtimeenv.core.run_env import Entry, parse, write
from runtimeenv.errors import Invalid
from tests.patching import applied

FIELD = "annotation x/run-env"
CANARY = "canary-6b1f"

names = st.from_regex(r"[-_a-zA-Z][-._a-zA-Z0-9]{0,8}", fullmatch=True)
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
entries = st.lists(st.tuples(names, values), max_size=4, unique_by=lambda entry: entry[0])
env = st.none() | st.lists(
    st.builds(lambda name, value: {"name": name, "value": value}, names, values)
    | st.builds(lambda name: {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, names),
    max_size=4,
)


def written(declared: object, asked: list[Entry]) -> list[dict[str, object]]:
    ops = write("/c", Raw(json.dumps(declared).encode()), tuple(asked))
    after = applied({"c": {"env": declared}}, ops)["c"]["env"]
    assert not write("/c", Raw(json.dumps(after).encode()), tuple(asked)), "the second pass writes nothing"
    return after or []


@given(entries)
def test_an_object_of_strings_gives_its_entries_in_their_order(asked: list[Entry]) -> None:
    assert parse(FIELD, json.dumps(dict(asked))) == tuple(asked)


@given(env, entries)
def test_entries_come_first_and_the_containers_own_of_their_names_go(
    declared: list[dict[str, str]] | None, asked: list[Entry]
) -> None:
    after = written(declared, asked)
    chosen = dict(asked)
    assert [one["name"] for one in after[: len(asked)]] == list(chosen)
    assert after[len(asked) :] == [one for one in declared or [] if one["name"] not in chosen]


@given(env, entries)
def test_the_kubelet_expands_every_entry_to_the_value_that_was_asked(
    declared: list[dict[str, str]] | None, asked: list[Entry]
) -> None:
    for (_, value), one in zip(asked, written(declared, asked), strict=False):
        text = str(one.get("value", ""))
        assert text.replace("$$", "") == value.replace("$", "")
        assert text.replace("$$", "$") == value


def test_windows_takes_names_that_differ_in_case_for_one() -> None:
    declared = Raw(b'[{"name":"Path","value":"x"}]')
    after = applied(
        {"c": {"env": [{"name": "Path", "value": "x"}]}}, write("/c", declared, (("PATH", "y"),), ignore_case=True)
    )
    assert after == {"c": {"env": [{"name": "PATH", "value": "y"}]}}


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (CANARY, "JSON object of strings"),
        ("", "JSON object of strings"),
        (f'["{CANARY}"]', "JSON object of strings"),
        (f'"{CANARY}"', "JSON object of strings"),
        ("null", "JSON object of strings"),
        ("[" * 100_000, "JSON object of strings"),
        ('{"A": %s}' % ("9" * 5000), "JSON object of strings"),
        (f'{{"A": "x", "B": ["{CANARY}"]}}', "entry 2 is no string"),
        ('{"A": 8080}', "entry 1 is no string"),
        ('{"A": null}', "entry 1 is no string"),
        ('{"A": {"A": "x"}}', "entry 1 is no string"),
        (f'{{"A": "x", "A": "{CANARY}"}}', "entry 2 has the name of an earlier one"),
        (f'{{"{CANARY}=": "x"}}', "entry 1 has a name that no container takes"),
        ('{"": "x"}', "entry 1 has a name"),
        ('{"1A": "x"}', "entry 1 has a name"),
        ('{"A B": "x"}', "entry 1 has a name"),
        ('{"A\\n": "x"}', "entry 1 has a name"),
        ('{".": "x"}', "entry 1 has a name"),
        ('{"..A": "x"}', "entry 1 has a name"),
        (f'{{"A": "{CANARY}\\u0000"}}', "entry 1 contains NUL"),
        (f'{{"A": "{CANARY}\\ud800"}}', "entry 1 is not UTF-8 text"),
    ],
)
def test_what_is_no_object_of_strings_is_refused_with_the_mend_and_no_echo(text: str, mend: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(FIELD, text)
    assert refused.value.field == FIELD
    assert mend in refused.value.message
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_empty_object_asks_for_nothing() -> None:
    assert parse(FIELD, "{}") == ()
    assert write("/c", Raw(b"null"), ()) == []
