"""The Secrets that pods reference: which version stands, who wrote it, and the writes (design §5.4).

A Secret written whole is ours as long as its resourceVersion is the one that our last write returned; in any other
version somebody else wrote it. The version that counts is the newer of what we wrote and what the reflector saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.cluster.objects import Metadata, RuntimeEnvObject
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.materialize import secret_manifest
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Rejected, Stale


class EnvSecrets:
    """``seen`` is the reflector's view: metadata of the Secrets of our type."""

    def __init__(self, cluster: Cluster, seen: Mapping[Ref, Metadata]) -> None:
        self._cluster = cluster
        self._seen = seen
        self._written: dict[Ref, int] = {}

    def is_ours(self, owner: RuntimeEnvObject, version: str) -> bool:
        """Does the owner's Secret stand in this version, and belong to it?"""
        ref = owner.metadata.ref
        if not version or self._version(ref) != int(version):
            return False
        seen = self._seen.get(ref)
        return seen is None or seen.metadata.version < int(version) or _owned(seen, owner)

    def is_last(self, owner: RuntimeEnvObject) -> bool:
        """Does what we wrote last stand? Then a write of it reaches this one Secret, or none."""
        return self.is_ours(owner, str(self._written.get(owner.metadata.ref, "")))

    async def write(self, owner: RuntimeEnvObject, values: Mapping[str, bytes]) -> str:
        """Write the Secret whole; its resourceVersion. One of a wrong type is deleted and made again.

        One of a wrong owner is written over: a finalizer, which anybody may add, would keep it from going.
        """
        ref = owner.metadata.ref
        seen, version = self._seen.get(ref), self._version(ref)
        manifest = secret_manifest(ref, owner.metadata.uid, values)
        try:
            written = await self._cluster.replace(manifest, str(version) if version else None)
        except Stale:
            self._written.pop(ref, None)
            if not version:
                await self._clear(ref)
            raise
        except Rejected as error:
            if not version or seen is None or error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            await self._cluster.delete(SECRETS, ref, uid=seen.metadata.uid)  # somebody made it immutable
            raise Stale(error.status, f"replace {ref}") from None
        self._written[ref] = int(written)
        return written

    async def remove(self, ref: Ref) -> None:
        """Delete the Secret, if there is one of our type."""
        seen = self._seen.get(ref)
        if seen is not None:
            await self._cluster.delete(SECRETS, ref, uid=seen.metadata.uid)
        self._written.pop(ref, None)

    def is_echo(self, secret: Metadata) -> bool:
        """Is this what we wrote last, or older?"""
        return secret.metadata.version <= self._written.get(secret.metadata.ref, 0)

    def vanished(self, ref: Ref) -> None:
        """The reflector saw the Secret go."""
        self._written.pop(ref, None)

    def _version(self, ref: Ref) -> int:
        seen = self._seen.get(ref)
        return max(seen.metadata.version if seen is not None else 0, self._written.get(ref, 0))

    async def _clear(self, ref: Ref) -> None:
        """Another object has the name: unless it is of our type and the reflector is late, it goes."""
        secret = await self._cluster.get(SECRETS, ref)
        if secret is not None and secret.type != names.ENV_TYPE:
            await self._cluster.delete(SECRETS, ref, uid=secret.metadata.uid)


def _owned(secret: Metadata, owner: RuntimeEnvObject) -> bool:
    return any(reference.uid == owner.metadata.uid for reference in secret.metadata.owner_references)
