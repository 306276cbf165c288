"""Plaintext: its rules, its preview, and that it shows nowhere (design §3, §6)."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.core.values import MASK, RESERVED_NAMES, RESERVED_PREFIXES, VALUE_LIMIT, Plaintext, check_reserved
from runtimeenv.errors import Invalid

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(texts)
def test_any_unicode_text_without_nul_is_a_value(text: str) -> None:
    assert Plaintext.parse(text).reveal() == text
    assert Plaintext.from_bytes(text.encode(), "field").reveal() == text


@given(st.text(min_size=1))
def test_neither_repr_nor_str_nor_formatting_shows_it(text: str) -> None:
    value = Plaintext(text)
    assert {repr(value), str(value), f"{value}", f"{value!r}", "%s" % value} == {f"Plaintext({MASK})"}  # noqa: UP031


def test_the_limit_counts_bytes() -> None:
    assert Plaintext.parse("ä" * (VALUE_LIMIT // 2)).reveal()
    with pytest.raises(Invalid, match=r"spec\.value: is over 32768 bytes: mount"):
        Plaintext.parse("ä" * (VALUE_LIMIT // 2) + "x")


@pytest.mark.parametrize("text", ["secret\0", "\0", "secret\ud800"])
def test_what_no_environment_variable_holds_is_refused_without_a_trace(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Plaintext.parse(text)
    assert "secret" not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"secret\xc3", b"a\0"])
def test_bytes_that_are_no_such_text_are_refused(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        Plaintext.from_bytes(raw, "key")
    assert refused.value.field == "key"
    assert "secret" not in str(refused.value)


@given(texts)
def test_a_preview_shows_ten_characters_at_most_and_only_of_long_printable_values(text: str) -> None:
    preview = Plaintext(text).preview
    if len(text) < 24 or not text.isprintable():
        assert preview == MASK
    else:
        assert preview == f"{text[:6]}...{text[-4:]}"


def test_a_preview_of_a_key_reads_as_the_api_shows_it() -> None:
    assert Plaintext("sk-ant-0123456789-0123abcd").preview == "sk-ant...abcd"
    assert Plaintext("x" * 23).preview == Plaintext("").preview == MASK


@given(texts, texts)
def test_values_are_equal_by_their_text(one: str, other: str) -> None:
    assert (Plaintext(one) == Plaintext(other)) is (one == other)
    assert Plaintext(one) != one
    assert hash(Plaintext(one)) == hash(Plaintext(one))


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), *(f"{prefix}X" for prefix in RESERVED_PREFIXES)])
def test_a_reserved_name_is_refused_unless_allowed(name: str) -> None:
    with pytest.raises(Invalid, match="is reserved"):
        check_reserved("spec.name", name)
    check_reserved("spec.name", name, frozenset({name}))


@pytest.mark.parametrize("name", ["TOKEN", "LDAP_URL", "MYPATH", "PATH_", "ENVIRONMENT", "XLD_PRELOAD"])
def test_names_that_only_resemble_reserved_ones_are_free(name: str) -> None:
    check_reserved("spec.name", name)


def test_the_designs_own_list_is_reserved() -> None:
    named = ["LD_PRELOAD", "DYLD_X", "PATH", "HOME", "IFS", "ENV", "BASH_ENV", "PYTHONPATH", "PYTHONHOME"]
    for name in [*named, "PYTHONSTARTUP", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "KUBERNETES_PORT"]:
        with pytest.raises(Invalid):
            check_reserved("spec.name", name)
