"""Compare tags: whoever holds the compare key can ask whether a sealed text holds a value, without opening it.

The webhook uses them so that applying an unchanged manifest again writes nothing (design §5.1).
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.binding import compare_text
from runtimeenv.crypto.seal import COMPARE_TAG_SIZE, CompareTag

COMPARE_KEY_SIZE: Final = 32


def compare_tag(key: bytes, cid: str, identity: Identity, preceding: str, value: Plaintext) -> CompareTag:
    """The tag of a value in the sealed text ``preceding``: 16 bytes of HMAC-SHA256. ``key`` has 32 bytes."""
    if len(key) != COMPARE_KEY_SIZE:
        raise ValueError("a compare key has 32 bytes")
    mac = HMAC(key, SHA256())
    mac.update(compare_text(identity, preceding, value.reveal()))
    return CompareTag(cid, mac.finalize()[:COMPARE_TAG_SIZE])


def verify(tag: CompareTag, key: bytes, identity: Identity, preceding: str, value: Plaintext) -> bool:
    """Is ``value`` what ``preceding`` holds, by this tag and its key? In constant time."""
    return bytes_eq(compare_tag(key, tag.cid, identity, preceding, value).tag, tag.tag)
