"""What a ciphertext is bound to, as bytes that no two meanings share (design §6).

Every encoding starts with a word of its own and has a fixed number of fields, each with its length in front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from runtimeenv.core.identity import Identity, scope_fields
from runtimeenv.errors import CannotOpen

SEAL_WORD: Final = "renv/seal/1"
VALUE_WORD: Final = "renv/value/1"
ENVELOPE_WORD: Final = "renv/envelope/1"
COMPARE_WORD: Final = "renv/compare/1"
WRAP_WORD: Final = "renv/wrap/1"
API_KEY_WORD: Final = "renv/apikey/1"


@dataclass(frozen=True, slots=True)
class Bound:
    """All that an envelope belongs to: it opens with exactly this, so that none can be replayed elsewhere or later.

    ``uid`` is the RuntimeEnvVar's; ``created`` its creationTimestamp as the API server wrote it (RFC 3339); ``origin``
    the record's ``from``: the generation and, for valueFrom, the source's UID and resourceVersion, as one text.
    """

    identity: Identity
    uid: str
    enabled: bool
    created: str
    origin: str


def fields(*parts: str | bytes) -> bytes:
    """Each part as UTF-8 or as it is, after its length in four bytes, most significant first. Injective."""
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])


def identity_fields(identity: Identity) -> tuple[str, ...]:
    """An identity in six places: scope, tenant, workspace or "", project or "", target, NAME."""
    return (*scope_fields(identity.layer.scope), identity.layer.target, identity.name)


def sealing_info(suite: str, identity: Identity) -> bytes:
    """HPKE's ``info``: a sealed text opens for this identity alone. The KEM itself binds the key."""
    return fields(SEAL_WORD, suite, *identity_fields(identity))


def value_info(purpose: str, tenant: str) -> bytes:
    """HKDF's ``info``: what is derived (``key``, ``commitment``), and for whom."""
    return fields(VALUE_WORD, purpose, tenant)


def associated_data(key_id: str, bound: Bound) -> bytes:
    """AES-GCM's associated data: the format's version, the data key's id and all of ``bound``."""
    return fields(
        ENVELOPE_WORD,
        key_id,
        *identity_fields(bound.identity),
        bound.uid,
        "enabled" if bound.enabled else "disabled",
        bound.created,
        bound.origin,
    )


def compare_text(identity: Identity, preceding: str, value: str) -> bytes:
    """What a compare tag authenticates (design §5.1); the preceding text's fresh ciphertext is its salt."""
    return fields(COMPARE_WORD, *identity_fields(identity), preceding, value)


def wrapping_context(role: str, key_id: str) -> bytes:
    """What a wrapped key is bound to: its role (``sealing``, ``data``) and id, so that none stands in for another."""
    return fields(WRAP_WORD, role, key_id)


def cannot_open(identity: Identity) -> CannotOpen:
    """The one answer to every value that does not open; it names what was tried, and tells no cause."""
    return CannotOpen(
        f"does not open as {identity.name} of tenant {identity.tenant}, {identity.layer}: "
        "it was made for another identity or another cluster, or was changed since; set the value again"
    )


def unknown_key(key_id: str) -> CannotOpen:
    """The answer to a key id that the keyring lacks. Key ids are public."""
    return CannotOpen(f"key {key_id} is not in the keyring: import it from a backup, or set the value again")
