"""Known answers: texts that earlier releases wrote must open for ever, and be bound to exactly the drawn bytes.

A failure here means that a format changed: then stored values are lost. Give the new format a new word instead
(docs/format.md), and keep these files.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtimeenv.core.identity import Identity, Layer, parse_target, scope_of
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto import text
from runtimeenv.crypto.binding import Bound, associated_data, sealing_info
from runtimeenv.crypto.compare import verify
from runtimeenv.crypto.envelope import Envelope, decrypt
from runtimeenv.crypto.keyring import DataKey, Keyring, UnsealingKey
from runtimeenv.crypto.seal import SealedValue, SealingKey, Suite
from runtimeenv.crypto.unseal import unseal
from runtimeenv.crypto.wrapping import Kek
from runtimeenv.kek.provider import KekStatus, WrappedKey
from runtimeenv.kek.stored import StoredKeyring, open_keyring

Case = dict[str, Any]


def _known(file: str) -> Any:
    return json.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))


SEALING: Final = _known("sealing.json")
ENVELOPES: Final = _known("envelope.json")
KEYRING: Final = _known("keyring.json")
RING: Final = Keyring(
    DataKey(bytes.fromhex(ENVELOPES["data_key"])), UnsealingKey(Suite.XWING, bytes.fromhex(SEALING["seed"]))
)


def _identity(case: Case) -> Identity:
    words = case["identity"]
    scope = scope_of(words["scope"], words["tenant"], words["workspace"] or None, words["project"] or None)
    return Identity(Layer(scope, parse_target("target", words["target"])), words["name"])


def _bound(case: Case) -> Bound:
    return Bound(_identity(case), case["uid"], case["enabled"], case["created"], case["origin"])


def _fields(*parts: str) -> bytes:
    """The encoding as docs/format.md draws it, written a second time."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def _hkdf(key: bytes, salt: bytes, purpose: str, tenant: str) -> bytes:
    """RFC 5869 for one block of output, written a second time."""
    extracted = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(extracted, _fields("renv/value/1", purpose, tenant) + b"\x01", hashlib.sha256).digest()


def _named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["identity"]["name"])


@_named(SEALING["cases"])
def test_a_known_sealed_text_opens(case: Case) -> None:
    sealed = SealedValue.parse(case["sealed"])
    assert unseal(sealed, _identity(case), RING) == Plaintext(case["value"])
    assert str(sealed) == case["sealed"]


@_named(SEALING["cases"])
def test_the_sealing_info_is_as_drawn(case: Case) -> None:
    words = case["identity"]
    drawn = _fields("renv/seal/1", "xwing", *(words[w] for w in words))
    assert list(words) == ["scope", "tenant", "workspace", "project", "target", "name"]
    assert sealing_info("xwing", _identity(case)) == drawn == bytes.fromhex(case["info"])


@_named(SEALING["cases"])
def test_a_known_compare_tag_verifies(case: Case) -> None:
    sealed = SealedValue.parse(case["sealed"])
    assert sealed.compare is not None
    assert sealed.compare.cid == SEALING["cid"]
    key = bytes.fromhex(SEALING["compare_key"])
    assert verify(sealed.compare, key, _identity(case), sealed.preceding, Plaintext(case["value"]))


@_named(SEALING["cases"])
def test_a_known_identity_keeps_its_id(case: Case) -> None:
    assert _identity(case).id == case["id"]


def test_a_text_sealed_by_another_implementation_of_hpke_opens() -> None:
    """Made with Go's crypto/hpke from the same seed and info, which opened all of ours in turn."""
    case = SEALING["other_implementation"]
    assert unseal(SealedValue.parse(case["sealed"]), _identity(case), RING) == Plaintext(case["value"])


def test_the_known_public_key_is_the_seed_s() -> None:
    key = RING.sealing_key()
    assert str(key) == SEALING["key"]
    assert SealingKey.parse(SEALING["key"]) == key
    assert key.fingerprint == SEALING["fingerprint"]
    assert key.key_id == hashlib.sha256(key.public).hexdigest()[:16]


def test_a_seed_expands_as_the_draft_s_vector_says() -> None:
    """draft-ietf-hpke-pq, KEM 0x647a: the private key's 32 bytes and the public key that follows from them."""
    vector = SEALING["draft_vector"]
    key = UnsealingKey(Suite.XWING, bytes.fromhex(vector["seed"]))
    assert key.sealing_key.public == bytes.fromhex(vector["public"])


@_named(ENVELOPES["cases"])
def test_a_known_envelope_opens(case: Case) -> None:
    envelope = Envelope.parse(case["envelope"])
    assert decrypt(envelope, _bound(case), RING) == Plaintext(case["value"])
    assert str(envelope) == case["envelope"]


@_named(ENVELOPES["cases"])
def test_the_associated_data_is_as_drawn(case: Case) -> None:
    words = case["identity"]
    state = "enabled" if case["enabled"] else "disabled"
    rest = (case["uid"], state, case["created"], case["origin"])
    drawn = _fields("renv/envelope/1", ENVELOPES["key_id"], *(words[w] for w in words), *rest)
    assert associated_data(ENVELOPES["key_id"], _bound(case)) == drawn == bytes.fromhex(case["associated_data"])


@_named(ENVELOPES["cases"])
def test_an_envelope_opens_by_the_drawing_alone(case: Case) -> None:
    word, key_id, body = case["envelope"].split(".")
    raw = text.decode(body) or b""
    salt, commitment, ciphertext = raw[:32], raw[32:64], raw[64:]
    key, tenant = bytes.fromhex(ENVELOPES["data_key"]), case["identity"]["tenant"]
    assert (word, key_id) == ("renve1", ENVELOPES["key_id"])
    assert _hkdf(key, salt, "commitment", tenant) == commitment
    value_key = _hkdf(key, salt, "key", tenant)
    bound_to = bytes.fromhex(case["associated_data"])
    assert AESGCM(value_key).decrypt(bytes(12), ciphertext, bound_to).decode() == case["value"]


def test_a_data_key_s_id_is_as_drawn() -> None:
    key = bytes.fromhex(ENVELOPES["data_key"])
    drawn = hmac.new(key, b"renv/data-key-id/1", hashlib.sha256).hexdigest()[:16]
    assert DataKey(key).key_id == ENVELOPES["key_id"] == drawn


class _KnownKek:
    def __init__(self) -> None:
        self.kek = Kek(bytes.fromhex(KEYRING["kek"]))

    async def status(self) -> KekStatus:
        return KekStatus(self.kek.kek_id)

    async def wrap(self, key: bytes, context: bytes) -> WrappedKey:
        return WrappedKey(self.kek.kek_id, self.kek.wrap(key, context))

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        return self.kek.unwrap(wrapped.ciphertext, context)


async def test_a_known_keyring_opens() -> None:
    stored = StoredKeyring.parse(json.dumps(KEYRING["stored"]).encode())
    opened = await open_keyring(stored, _KnownKek())
    found = {key.id: opened.data_key(key.id).secret.hex() for key in stored.data}
    found |= {key.id: opened.unsealing_key(key.id).secret.hex() for key in stored.sealing}
    assert found == KEYRING["secrets"]
    assert opened.primary().key_id == ENVELOPES["key_id"]
    assert str(opened.sealing_key()) == SEALING["key"]


async def test_a_stored_keyring_keeps_its_text() -> None:
    raw = json.dumps(KEYRING["stored"]).encode()
    assert json.loads(StoredKeyring.parse(raw).encode()) == KEYRING["stored"]
    assert (await _KnownKek().status()).kek == KEYRING["kek_id"]
