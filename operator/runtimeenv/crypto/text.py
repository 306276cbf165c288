"""base64url without padding (RFC 4648 §5), where each sequence of bytes has exactly one text."""

from __future__ import annotations

import base64
import binascii


def encode(raw: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """The bytes whose one text this is; None for padding, foreign characters or stray bits in the last one."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    # Python's decoder skips foreign characters and stray bits: only what encodes back to the same text is accepted.
    return raw if encode(raw) == text else None
