"""The local provider: a KEK of 32 bytes in a Secret of the operator's namespace.

It protects a keyring that leaves the cluster without that Secret, not one against those who read Secrets in the
operator's namespace: for them an external KEK is needed.
"""

from __future__ import annotations

import base64
from typing import Final

from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import KEK_SECRET, MANAGED_BY, MANAGED_BY_LABEL
from runtimeenv.crypto.wrapping import Kek, WrongKek
from runtimeenv.errors import ClusterError, KeyUnavailable, Stale
from runtimeenv.kek.provider import KekStatus, WrappedKey

ENTRY: Final = "kek"


class LocalKek:
    """A KekProvider. It reads the Secret anew for each call, so that a restored one is seen at once."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._ref = Ref(namespace, KEK_SECRET)

    async def create(self) -> None:
        """Make the KEK, unless there is one. Only together with a new keyring (design §6). Raises ClusterError."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self._ref.name,
                "namespace": self._ref.namespace,
                "labels": {MANAGED_BY_LABEL: MANAGED_BY},
            },
            "type": "Opaque",
            "immutable": True,
            "data": {ENTRY: base64.b64encode(Kek.random()).decode("ascii")},
        }
        try:
            await self._cluster.replace(manifest, None)
        except Stale:
            return  # another replica made it first: that one counts

    async def status(self) -> KekStatus:
        """See KekProvider."""
        return KekStatus((await self._kek()).kek_id)

    async def wrap(self, key: bytes, context: bytes) -> WrappedKey:
        """See KekProvider."""
        kek = await self._kek()
        return WrappedKey(kek.kek_id, kek.wrap(key, context))

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """See KekProvider."""
        kek = await self._kek()
        try:
            return kek.unwrap(wrapped.ciphertext, context)
        except WrongKek:
            raise KeyUnavailable(
                f"{kek.kek_id} in Secret {self._ref} does not open a key that {wrapped.kek} wrapped: "
                "restore the Secret and the keyring from the same backup"
            ) from None

    async def _kek(self) -> Kek:
        try:
            secret = await self._cluster.get(SECRETS, self._ref)
        except ClusterError as error:
            raise KeyUnavailable(f"Secret {self._ref} with the key-encryption key can't be read: {error}") from None
        if secret is None:
            raise KeyUnavailable(f"Secret {self._ref} with the key-encryption key is missing: restore it from a backup")
        try:
            return Kek(secret.data.get(ENTRY, b""))
        except ValueError:
            raise KeyUnavailable(f"Secret {self._ref} holds no {ENTRY} of 32 bytes: restore it from a backup") from None
