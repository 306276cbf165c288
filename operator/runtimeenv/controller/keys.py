"""The keyring of this cluster: loaded, or made on first start; its public half published (design §6)."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from runtimeenv.cluster.kinds import CONFIG_MAPS, SECRETS
from runtimeenv.cluster.objects import Secret
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core import names
from runtimeenv.core.conditions import timestamp
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import SealingKey
from runtimeenv.errors import KeyUnavailable, Stale
from runtimeenv.kek.local import LocalKek
from runtimeenv.kek.stored import StoredKeyring, open_keyring, wrap_keyring

ENTRY = "keyring"

log = logging.getLogger(__name__)


class Keys:
    """Keyring, compare keys and public key, in the operator's namespace."""

    def __init__(self, cluster: Cluster, namespace: str, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._kek = LocalKek(cluster, namespace)
        self._now = now

    async def load(self, in_use: Callable[[], Awaitable[bool]]) -> Keyring:
        """The opened keyring. ``in_use``: do sealed texts or envelopes exist, so that none may be made?

        Raises KeyUnavailable where it can't be opened, or is missing although it is in use.
        """
        ref = Ref(self._namespace, names.KEYRING_SECRET)
        stored = await self._cluster.get(SECRETS, ref)
        if stored is None:
            if await in_use():
                raise KeyUnavailable(
                    f"Secret {ref} with the keyring is missing, but sealed values exist: restore it from a backup"
                )
            await self._create(ref)
            stored = await self._cluster.get(SECRETS, ref)
        if stored is None:
            raise KeyUnavailable(f"Secret {ref} with the keyring went while it was read")
        return await open_keyring(StoredKeyring.parse(stored.data.get(ENTRY, b"")), self._kek)

    async def _create(self, ref: Ref) -> None:
        """KEK, then keyring, each by CREATE: what another replica made first counts."""
        await self._kek.create()
        stored = await wrap_keyring(Keyring.generate(), self._kek, timestamp(self._now()))
        if await self._make(_secret(ref, {ENTRY: stored.encode()})):
            log.info("keyring made", extra={"ref": str(ref)})

    async def publish(self, key: SealingKey) -> None:
        """Write the public key where the webhook, the CLI and users read it, unless it stands there."""
        ref = Ref(self._namespace, names.PUBLIC_KEY_CONFIG_MAP)
        entries = {"sealing-key": str(key), "fingerprint": key.fingerprint}
        found = await self._cluster.get(CONFIG_MAPS, ref)
        if found is not None and dict(found.data) == entries:
            return
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(ref), "data": entries}
        await self._cluster.replace(manifest, found.metadata.resource_version if found else None)
        log.info("public key published", extra={"ref": str(ref), "key_id": key.key_id})

    async def compare_keys(self) -> None:
        """Make the webhook's compare key, unless there is one (design §5.1)."""
        ref = Ref(self._namespace, names.COMPARE_KEYS_SECRET)
        found: Secret | None = await self._cluster.get(SECRETS, ref)
        if found is not None and found.data.get("primary", b"").decode("ascii", "replace") in found.data:
            return
        cid = os.urandom(4).hex()
        manifest = _secret(ref, {"primary": cid.encode(), cid: os.urandom(32)})
        if found is None:
            await self._make(manifest)
        else:
            await self._cluster.replace(manifest, found.metadata.resource_version)

    async def _make(self, manifest: Mapping[str, Any]) -> bool:
        try:
            await self._cluster.replace(manifest, None)
        except Stale:
            return False
        return True


def _metadata(ref: Ref) -> dict[str, Any]:
    return {"name": ref.name, "namespace": ref.namespace, "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY}}


def _secret(ref: Ref, entries: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(ref),
        "type": "Opaque",
        "data": {key: base64.b64encode(raw).decode() for key, raw in entries.items()},
    }
