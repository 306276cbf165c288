"""The private half of sealing: only the controller imports this."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag

from runtimeenv.core.identity import Identity
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.binding import cannot_open, sealing_info
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import HPKE, SealedValue


def unseal(value: SealedValue, identity: Identity, keyring: Keyring) -> Plaintext:
    """Open a sealed text as ``identity``, which comes from the stored object and never from a request.

    Raises CannotOpen, the same for every cause but an unknown key id; Invalid when what was sealed is out of form.
    """
    key = keyring.unsealing_key(value.key_id)
    try:
        raw = HPKE.decrypt(value.sealed, key.private, info=sealing_info(value.suite, identity))
    except (InvalidTag, ValueError):
        raise cannot_open(identity) from None
    return Plaintext.from_bytes(raw, "spec.sealedValue")
