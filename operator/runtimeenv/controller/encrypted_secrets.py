"""The encrypted Secrets, each written over the version that the index knows (design §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from runtimeenv.cluster.kinds import SECRET_METADATA, SECRETS
from runtimeenv.cluster.objects import Secret
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.index import Affected, Index
from runtimeenv.controller.records import Record, read_record
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Rejected, Stale


class EncryptedSecrets:
    """``affect`` offers what a change of the index touched; ``seen`` is the reflector's view."""

    def __init__(
        self, cluster: Cluster, index: Index, affect: Callable[[Affected], None], seen: Mapping[Ref, Secret]
    ) -> None:
        self._cluster = cluster
        self._index = index
        self._affect = affect
        self._seen = seen

    async def write(self, record: Record, last: Record | None) -> int:
        """Write a record over its last one; its new version. Raises Stale when another stands there, known then."""
        version = str(last.version) if last is not None and last.version else None
        try:
            return int(await self._cluster.replace(record.manifest(), version))
        except Stale:
            await self._reread(record)
            raise
        except Rejected as error:
            if version is None or error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            await self.remove(_ref(record.ref.namespace, record.uid))  # somebody made it immutable
            self._index.overwritten(record.uid, 0)
            raise Stale(error.status, f"replace {record.ref}") from None

    async def withdraw(self, namespace: str, uid: str) -> None:
        """Delete a variable's Secret and forget its record, if there is either."""
        ref = _ref(namespace, uid)
        if ref in self._seen or self._index.record(uid) is not None:
            await self.remove(ref)
            self._affect(self._index.remove(uid))

    async def remove(self, ref: Ref) -> None:
        """Delete one of these Secrets, if it is there."""
        secret = await self._cluster.get(SECRET_METADATA, ref)
        if secret is not None:
            await self._cluster.delete(SECRETS, ref, uid=secret.metadata.uid)

    async def _reread(self, record: Record) -> None:
        """The Secret stands in another version than we know: know that one. What is not of our form goes."""
        ref = _ref(record.ref.namespace, record.uid)
        secret = await self._cluster.get(SECRETS, ref)
        found = read_record(secret) if secret is not None and secret.type == names.ENCRYPTED_TYPE else None
        if found is not None and found.ref == record.ref:
            self._index.overwritten(record.uid, 0)  # of a restored etcd even a lower version counts
            self._affect(self._index.put(found, foreign=True))
            return
        if secret is not None:
            await self._cluster.delete(SECRETS, ref, uid=secret.metadata.uid)
        self._index.overwritten(record.uid, 0)


def _ref(namespace: str, uid: str) -> Ref:
    return Ref(namespace, names.encrypted_secret_name(uid))
