from __future__ import annotations

import hashlib
import hmac
import json
import string
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.crypto.api_keys import ApiKey, is_key_id, same
from runtimeenv.errors import Invalid

HASH_KEY = bytes(range(32))
BASE32 = string.ascii_lowercase + "234567"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
GOLDEN = json.loads((Path(__file__).parents[1] / "golden/apikey.json").read_text())

keys = st.builds(
    ApiKey, st.text(BASE32, min_size=16, max_size=16), st.text(BASE62, min_size=43, max_size=43)
)  # every text, not only those that stand for 32 bytes
characters = st.characters() | st.sampled_from(BASE62 + "_")


def base62(number: int, length: int) -> str:
    """As drawn in docs/format.md, by another way than the code's."""
    return "".join(BASE62[number // 62**place % 62] for place in reversed(range(length)))


@given(keys)
def test_a_key_is_read_back_from_its_text(key: ApiKey) -> None:
    assert ApiKey.parse(key.reveal()) == key


@given(keys, st.data())
def test_any_changed_character_is_refused(key: ApiKey, data: st.DataObject) -> None:
    text = key.reveal()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(characters.filter(lambda character: character != text[place]))
    with pytest.raises(Invalid):
        ApiKey.parse(text[:place] + other + text[place + 1 :])


@given(keys, st.data())
def test_a_lost_and_a_doubled_character_are_refused(key: ApiKey, data: st.DataObject) -> None:
    text = key.reveal()
    place = data.draw(st.integers(0, len(text) - 1))
    for wrong in (text[:place] + text[place + 1 :], text[: place + 1] + text[place:]):
        with pytest.raises(Invalid):
            ApiKey.parse(wrong)


@given(keys, st.data())
def test_two_neighbours_that_change_places_are_refused(key: ApiKey, data: st.DataObject) -> None:
    text = key.reveal()
    place = data.draw(st.integers(0, len(text) - 2).filter(lambda n: text[n] != text[n + 1]))
    with pytest.raises(Invalid):
        ApiKey.parse(text[:place] + text[place + 1] + text[place] + text[place + 2 :])


@given(st.text() | keys.map(lambda key: key.reveal() + "\n") | keys.map(lambda key: " " + key.reveal()))
def test_other_text_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        ApiKey.parse(text)
    assert str(caught.value) == "API key: is not one, or was cut or mistyped: copy it again"


def test_a_new_key_has_the_drawn_form() -> None:
    text = ApiKey.generate().reveal()
    before, _, checksum = text.rpartition("_")
    word, live, key_id, secret = before.split("_")
    assert (word, live, len(secret)) == ("msk", "live", 43)
    assert is_key_id(key_id)
    assert set(secret) <= set(BASE62)
    assert checksum == base62(zlib.crc32(before.encode()), 6)


def test_new_keys_are_never_the_same() -> None:
    made = [ApiKey.generate() for _ in range(500)]
    assert len({key.id for key in made}) == len({key.hashed(HASH_KEY) for key in made}) == len(made)


@given(keys, keys)
def test_only_the_same_key_has_the_same_hash(one: ApiKey, other: ApiKey) -> None:
    assert same(one.hashed(HASH_KEY), other.hashed(HASH_KEY)) == (one == other)


@given(keys)
def test_another_hash_key_gives_another_hash(key: ApiKey) -> None:
    assert not same(key.hashed(HASH_KEY), key.hashed(bytes(32)))


@given(keys)
def test_no_form_but_the_asked_for_shows_the_secret(key: ApiKey) -> None:
    secret = key.reveal().split("_")[3]
    assert secret not in f"{key} {key!r} {key.hashed(HASH_KEY)!r}"
    assert key.id in str(key)


def test_a_hash_is_hmac_sha256_as_drawn() -> None:
    key = ApiKey.parse(GOLDEN["text"])
    _, _, key_id, secret, _ = GOLDEN["text"].split("_")
    drawn = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in ("renv/apikey/1", key_id, secret))
    assert key.hashed(HASH_KEY) == hmac.new(HASH_KEY, drawn, hashlib.sha256).digest()


def test_the_known_key_is_read_and_hashed_for_ever() -> None:
    key = ApiKey.parse(GOLDEN["text"])
    assert (key.id, key.reveal()) == (GOLDEN["id"], GOLDEN["text"])
    assert key.hashed(bytes.fromhex(GOLDEN["hash_key"])).hex() == GOLDEN["record"]["hash"]


@pytest.mark.parametrize("text", ["", "a" * 15, "a" * 17, "A" * 16, "a" * 15 + "1", "a" * 16 + "\n", "٢" * 16])
def test_other_text_is_no_key_id(text: str) -> None:
    assert not is_key_id(text)
