from __future__ import annotations

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import VALUE_LIMIT, Plaintext
from runtimeenv.crypto import text
from runtimeenv.crypto.compare import compare_tag
from runtimeenv.crypto.seal import FIELD, MLKEM_PUBLIC_SIZE, SealedValue, SealingKey, Suite, seal
from runtimeenv.errors import Invalid
from tests.unit.crypto.examples import CANARY, IDENTITY, KEYRING, VALUE, identities, values

KEY = KEYRING.sealing_key()
SEALED = seal(VALUE, IDENTITY, KEY)
TAGGED = SEALED.tagged(compare_tag(bytes(32), "0a1b2c3d", IDENTITY, SEALED.preceding, VALUE))


@given(values, identities)
def test_a_sealed_value_reads_back_from_its_text(value: Plaintext, identity: Identity) -> None:
    sealed = seal(value, identity, KEY)
    assert SealedValue.parse(str(sealed)) == sealed


def test_the_compare_tag_follows_the_text_that_it_authenticates() -> None:
    assert str(TAGGED) == f"{SEALED}.0a1b2c3d.{text.encode(TAGGED.compare.tag if TAGGED.compare else b'')}"
    assert SealedValue.parse(str(TAGGED)) == TAGGED
    assert TAGGED.preceding == str(SEALED)


def test_sealing_twice_gives_two_texts() -> None:
    assert str(seal(VALUE, IDENTITY, KEY)) != str(SEALED)


def test_the_longest_value_has_a_text_that_reads_back() -> None:
    sealed = seal(Plaintext.parse("x" * VALUE_LIMIT), IDENTITY, KEY)
    tagged = sealed.tagged(compare_tag(bytes(32), "0a1b2c3d", IDENTITY, sealed.preceding, VALUE))
    assert SealedValue.parse(str(tagged)) == tagged


BODY = text.encode(SEALED.sealed)
NOT_SEALED = ["", CANARY, "renv1", "renv2.xwing.0123456789abcdef.AAAA", f" {SEALED}", "RENV1.xwing."]
DAMAGED = [
    "renv1.",
    f"{SEALED}.",
    f"{SEALED}\n",
    f"{SEALED}.0a1b2c3d",
    f"{SEALED}..",
    f"{TAGGED}.x",
    str(SEALED)[:-1],
    str(SEALED)[:500],
    f"renv1.xwing.{KEY.key_id.upper()}.{BODY}",
    f"renv1.xwing.{KEY.key_id[:-1]}.{BODY}",
    f"renv1.xwing.{KEY.key_id}0.{BODY}",
    f"renv1.xwing.{KEY.key_id}\n.{BODY}",
    f"renv1.xwing..{BODY}",
    f"renv1.xwing.{KEY.key_id}.",
    f"renv1.xwing.{KEY.key_id}.{BODY}==",
    f"renv1.xwing.{KEY.key_id}.{BODY[:80]}\n{BODY[80:]}",
    f"renv1.xwing.{KEY.key_id}.{text.encode(SEALED.sealed[:1135])}",
    f"{SEALED}.0A1B2C3D.{'A' * 22}",
    f"{SEALED}.0a1b2c3.{'A' * 22}",
    f"{SEALED}.0a1b2c3d.{'A' * 21}",
    f"{SEALED}.0a1b2c3d.{'A' * 21}B",
    f"{SEALED}.0a1b2c3d.{'A' * 43}",
]


@pytest.mark.parametrize("source", NOT_SEALED)
def test_plaintext_in_the_wrong_field_is_told_where_it_belongs(source: str) -> None:
    with pytest.raises(Invalid, match=r"^spec\.sealedValue: is not a sealed text: put plaintext in spec\.value"):
        SealedValue.parse(source)


@pytest.mark.parametrize("source", DAMAGED)
def test_a_damaged_text_is_refused_with_the_mend(source: str) -> None:
    with pytest.raises(Invalid, match=r"^spec\.sealedValue: is cut or changed: copy the whole sealed text again"):
        SealedValue.parse(source)


def test_an_unknown_suite_is_refused_by_its_own_sentence() -> None:
    with pytest.raises(Invalid, match="suite that this release does not know"):
        SealedValue.parse(str(SEALED).replace("xwing", "x25519"))


def test_a_text_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(Invalid, match="longer than any sealed value"):
        SealedValue.parse("renv1." + "A" * (64 * 1024))


@given(
    st.text(max_size=60), st.sampled_from(["", "renv1.", "renv1.xwing.", f"renv1.xwing.{KEY.key_id}.", f"{SEALED}."])
)
@example("\ud800", "renv1.xwing.")
def test_no_refusal_echoes_what_was_given(source: str, prefix: str) -> None:
    canary = CANARY + source
    with pytest.raises(Invalid) as refused:
        SealedValue.parse(prefix + canary)
    assert refused.value.field == FIELD
    assert CANARY not in str(refused.value)


@given(st.text(max_size=200))
def test_whatever_reads_is_the_one_text_of_what_it_reads_as(tail: str) -> None:
    source = str(SEALED) + tail
    try:
        parsed = SealedValue.parse(source)
    except Invalid:
        return
    assert str(parsed) == source


def test_neither_value_nor_ciphertext_shows_in_a_repr() -> None:
    assert repr(TAGGED) == (
        f"SealedValue(suite=<Suite.XWING: 'xwing'>, key_id='{KEY.key_id}', compare=CompareTag(cid='0a1b2c3d'))"
    )


def test_a_public_key_reads_back_and_names_itself() -> None:
    assert SealingKey.parse(f"{KEY}\n") == KEY
    assert KEY.fingerprint.startswith("SHA256:")
    assert repr(KEY) == f"SealingKey(suite=<Suite.XWING: 'xwing'>, key_id='{KEY.key_id}')"
    assert str(KEY).startswith(f"renvpk1.xwing.{KEY.key_id}.")


# X25519's point of order one, an ML-KEM key whose coefficients are out of their field, and one bit more.
LOW_ORDER = KEY.public[:MLKEM_PUBLIC_SIZE] + bytes(32)
OUT_OF_FIELD = b"\xff" * MLKEM_PUBLIC_SIZE + KEY.public[MLKEM_PUBLIC_SIZE:]
FLIPPED = KEY.public[:-1] + bytes([KEY.public[-1] ^ 1])


@pytest.mark.parametrize(
    "source",
    [
        "",
        CANARY,
        str(KEY)[:-4],
        str(KEY).replace("renvpk1", "renvpk2"),
        str(KEY).replace("xwing", "x25519"),
        str(KEY).replace(KEY.key_id, "0" * 16),
        str(SealingKey(Suite.XWING, KEY.public[:-1])),
        str(SealingKey(Suite.XWING, LOW_ORDER)),
        str(SealingKey(Suite.XWING, OUT_OF_FIELD)),
        str(SealingKey(Suite.XWING, FLIPPED)).replace(SealingKey(Suite.XWING, FLIPPED).key_id, KEY.key_id),
    ],
)
def test_a_public_key_that_is_not_whole_or_cannot_seal_is_refused(source: str) -> None:
    with pytest.raises(Invalid, match="sealing-key") as refused:
        SealingKey.parse(source)
    assert CANARY not in str(refused.value)


def test_random_bytes_are_no_public_key() -> None:
    with pytest.raises(Invalid):
        SealingKey.parse(str(SealingKey(Suite.XWING, os.urandom(MLKEM_PUBLIC_SIZE + 32))))
