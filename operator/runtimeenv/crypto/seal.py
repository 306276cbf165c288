"""The public half of sealing: HPKE base mode (RFC 9180) with X-Wing (ML-KEM-768 + X25519).

Anybody who has the public key seals, also offline; only the controller's keyring opens. The sealed text is bound to
the variable's identity: copied to another tenant, scope, target or NAME, it does not open.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto import text
from runtimeenv.crypto.binding import sealing_info
from runtimeenv.errors import Invalid

VERSION: Final = "renv1"
KEY_VERSION: Final = "renvpk1"
FIELD: Final = "spec.sealedValue"
KEY_FIELD: Final = "sealing-key"

ENCAPSULATED_SIZE: Final = 1120
MLKEM_PUBLIC_SIZE: Final = 1184
PUBLIC_SIZE: Final = MLKEM_PUBLIC_SIZE + 32
GCM_TAG_SIZE: Final = 16
COMPARE_TAG_SIZE: Final = 16
SEALED_MINIMUM: Final = ENCAPSULATED_SIZE + GCM_TAG_SIZE
TEXT_LIMIT: Final = 64 * 1024
"""Above the text of every value within its limit: longer ones are refused before they are decoded."""

HPKE: Final = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)

_KEY_ID = re.compile(r"[0-9a-f]{16}")
_COMPARE_ID = re.compile(r"[0-9a-f]{8}")

_NOT_SEALED = "is not a sealed text: put plaintext in spec.value, or seal it with `runtimeenv seal`"
_DAMAGED = "is cut or changed: copy the whole sealed text again, on one line, or seal the value anew"
_TOO_LONG = "is longer than any sealed value: mount large values as a file instead"
_UNKNOWN_SUITE = "was sealed with a suite that this release does not know: seal it with the cluster's `runtimeenv seal`"


class Suite(StrEnum):
    """The HPKE suites. A word never changes its meaning: a new suite is a new word."""

    XWING = "xwing"
    """MLKEM768-X25519 (KEM 0x647a), HKDF-SHA256, AES-256-GCM."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A public key: ``renvpk1.<suite>.<key id>.<base64url>``. ``public``: ML-KEM-768's 1184 bytes, then X25519's 32."""

    suite: Suite
    public: bytes = field(repr=False)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", hashlib.sha256(self.public).hexdigest()[:16])

    @classmethod
    def parse(cls, source: str) -> SealingKey:
        """Read a published key. Raises Invalid unless it is whole, names its own id, and can seal."""
        parts = source.strip().split(".")
        if len(parts) != 4 or parts[0] != KEY_VERSION or parts[1] not in set(Suite):
            raise Invalid(KEY_FIELD, f"is not a public key: it starts with {KEY_VERSION}.{Suite.XWING}.")
        public = text.decode(parts[3])
        if public is None or len(public) != PUBLIC_SIZE:
            raise Invalid(KEY_FIELD, "is cut or changed: fetch the public key again")
        key = cls(Suite(parts[1]), public)
        if key.key_id != parts[2] or not _seals(public):
            raise Invalid(KEY_FIELD, "is cut or changed: fetch the public key again")
        return key

    @property
    def fingerprint(self) -> str:
        """``SHA256:`` and the hash of ``public`` in base64 without padding, to be pinned and compared by eye."""
        return "SHA256:" + b64encode(hashlib.sha256(self.public).digest()).rstrip(b"=").decode("ascii")

    def __str__(self) -> str:
        return f"{KEY_VERSION}.{self.suite}.{self.key_id}.{text.encode(self.public)}"


@dataclass(frozen=True, slots=True)
class CompareTag:
    """Tells holders of compare key ``cid`` whether a value is the sealed one (design §5.1): ``<cid>.<base64url>``."""

    cid: str
    tag: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.cid}.{text.encode(self.tag)}"


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A sealed text: ``renv1.<suite>.<key id>.<base64url>``, and ``.<cid>.<tag>`` where the webhook sealed it.

    ``sealed`` is X-Wing's 1120 bytes, then the ciphertext and its 16-byte tag.
    """

    suite: Suite
    key_id: str
    sealed: bytes = field(repr=False)
    compare: CompareTag | None = None

    @classmethod
    def parse(cls, source: str) -> SealedValue:
        """Read a sealed text; each value has exactly one. Raises Invalid with the mend, never echoing."""
        if not source.startswith(VERSION + "."):
            raise Invalid(FIELD, _NOT_SEALED)
        if len(source) > TEXT_LIMIT:
            raise Invalid(FIELD, _TOO_LONG)
        parts = source.split(".")
        if len(parts) not in {4, 6}:
            raise Invalid(FIELD, _DAMAGED)
        if parts[1] not in set(Suite):
            raise Invalid(FIELD, _UNKNOWN_SUITE)
        sealed = text.decode(parts[3])
        if not _KEY_ID.fullmatch(parts[2]) or sealed is None or len(sealed) < SEALED_MINIMUM:
            raise Invalid(FIELD, _DAMAGED)
        return cls(Suite(parts[1]), parts[2], sealed, _compare_tag(*parts[4:]) if parts[4:] else None)

    @property
    def preceding(self) -> str:
        """The text up to the compare tag: what the tag authenticates."""
        return f"{VERSION}.{self.suite}.{self.key_id}.{text.encode(self.sealed)}"

    def tagged(self, tag: CompareTag) -> SealedValue:
        """The same with this compare tag."""
        return replace(self, compare=tag)

    def __str__(self) -> str:
        return f"{self.preceding}.{self.compare}" if self.compare else self.preceding


def seal(value: Plaintext, identity: Identity, key: SealingKey) -> SealedValue:
    """Seal a value for one identity. Two seals of one value differ; the length of the value shows."""
    info = sealing_info(key.suite, identity)
    sealed = HPKE.encrypt(value.reveal().encode(), _loaded(key.public), info=info)
    return SealedValue(key.suite, key.key_id, sealed)


def _compare_tag(cid: str, encoded: str) -> CompareTag:
    tag = text.decode(encoded)
    if not _COMPARE_ID.fullmatch(cid) or tag is None or len(tag) != COMPARE_TAG_SIZE:
        raise Invalid(FIELD, _DAMAGED)
    return CompareTag(cid, tag)


def _seals(public: bytes) -> bool:
    """A key out of its field, or of low order, fails here once instead of at every admission."""
    try:
        HPKE.encrypt(b"", _loaded(public))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4)
def _loaded(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_SIZE]),
        x25519.X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_SIZE:]),
    )
