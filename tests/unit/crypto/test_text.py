from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.crypto import text


@given(st.binary(max_size=200))
def test_what_is_encoded_decodes_to_itself(raw: bytes) -> None:
    assert text.decode(text.encode(raw)) == raw


def test_the_alphabet_is_base64url_s() -> None:
    assert text.encode(bytes(range(248, 256)) + b"\xcf\xfcq") == "-Pn6-_z9_v_P_HE"
    assert text.encode(b"\x03\x1cq") == "Axxx"


@given(st.text(max_size=80))
def test_bytes_have_one_text_alone(source: str) -> None:
    raw = text.decode(source)
    assert raw is None or text.encode(raw) == source


@pytest.mark.parametrize(
    "source", ["AA==", "AB", "A", "AAAAA", "A+/A", " AAA", "AAA\n", "AA AA", "AÄAA", "AAA\udc80", "*AAAA"]
)
def test_padding_foreign_characters_and_stray_bits_are_refused(source: str) -> None:
    assert text.decode(source) is None
