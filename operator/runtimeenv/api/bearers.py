"""Who a request comes from: API keys, known by a poll every two seconds (design §8).

The poll is a GET of one object by name: it needs no right to list Secrets, brings a revocation to every replica within
five seconds, and proves that the API server is within reach.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Never

from runtimeenv.api.key_records import KeyRecord, Role, read_hash_key, read_records
from runtimeenv.cluster.kinds import SECRET_METADATA, SECRETS
from runtimeenv.cluster.objects import Secret
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import SCOPE_KINDS, Project, Ref, Scope, ScopeKind, Tenant, Workspace, scope_kind
from runtimeenv.core.names import API_HASH_KEY_SECRET, API_KEYS_SECRET
from runtimeenv.crypto.api_keys import HASH_KEY_SIZE, HASH_SIZE, ApiKey, same
from runtimeenv.errors import ClusterError, Invalid, Unauthenticated, Unavailable

EVERY: Final = 2.0
"""Seconds between polls."""
TRUSTED: Final = 300.0
"""Seconds without a good poll after which no key is believed: a revocation may have been missed."""

_SCHEME: Final = "bearer "

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A good API key, and what it reaches; empty ``workspaces`` or ``projects`` are all of them."""

    key_id: str
    tenant: str
    role: Role
    scopes: frozenset[ScopeKind] = frozenset(SCOPE_KINDS)
    workspaces: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()

    def may_write(self) -> bool:
        """May it create, change and delete?"""
        return self.role == "write"

    @property
    def reaches_all(self) -> bool:
        """Is it limited to nothing but its tenant?"""
        return not self.workspaces and not self.projects and len(self.scopes) == len(SCOPE_KINDS)

    def reaches(self, scope: Scope) -> bool:
        """May it know of variables of this scope?"""
        if scope.tenant != self.tenant or scope_kind(scope) not in self.scopes:
            return False
        match scope:
            case Workspace(workspace=workspace):
                return not self.workspaces or workspace in self.workspaces
            case Project(project=project):
                return not self.projects or project in self.projects
            case Tenant():
                return True


@dataclass(frozen=True, slots=True)
class _Known:
    """A key's record, and what each of its requests needs of it."""

    hash: bytes
    record: KeyRecord
    bearer: Bearer

    @classmethod
    def of(cls, key_id: str, record: KeyRecord) -> _Known:
        workspaces, projects = frozenset(record.workspaces), frozenset(record.projects)
        bearer = Bearer(key_id, record.tenant, record.role, record.reach, workspaces, projects)
        return cls(bytes.fromhex(record.hash), record, bearer)


_NOBODY: Final = _Known.of("", KeyRecord(hash="00" * HASH_SIZE, tenant="", role="read", created=0, revoked=1))


class Bearers:
    """The API keys as the last poll found them."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loaded = asyncio.Event()
        """Set once they were read; that there are none is an answer, too."""
        self._cluster = cluster
        self._keys = _Polled(Ref(namespace, API_KEYS_SECRET))
        self._hash_key = _Polled(Ref(namespace, API_HASH_KEY_SECRET))
        self._clock = clock
        self._monotonic = monotonic
        self._heard = monotonic()
        self._known: Mapping[str, _Known] = {}
        self._hashing = bytes(HASH_KEY_SIZE)

    @property
    def age(self) -> float:
        """Seconds since the last good poll."""
        return self._monotonic() - self._heard

    def bearer(self, authorization: str | None) -> Bearer:
        """Whose key it is. Raises Unauthenticated, for every cause alike, or Unavailable."""
        if not self.loaded.is_set() or self.age > TRUSTED:
            raise Unavailable(0, "API keys")
        key = _key(authorization)
        known = self._known.get(key.id, _NOBODY)
        # Every key costs the same work, whether it is known or not.
        good = same(key.hashed(self._hashing), known.hash)
        if not good or known.record.ended(self._clock()):
            raise Unauthenticated
        return known.bearer

    async def follow(self) -> Never:
        """Poll again and again."""
        while True:
            try:
                await self.poll()
            except ClusterError as error:
                log.warning("API keys not read", extra={"reason": str(error)})
            await asyncio.sleep(EVERY)

    async def poll(self) -> None:
        """Read what changed. Raises ClusterError; what was read until then holds, so that no revocation waits."""
        began, moved = self._monotonic(), False
        for secret in (self._keys, self._hash_key):
            if await secret.moved(self._cluster):
                moved = True
                self._take()
        if moved:
            self._tell()
        self._heard = began
        self.loaded.set()

    def _take(self) -> None:
        """Without the hash key no API key can be checked: then there are none."""
        hash_key = read_hash_key(self._hash_key.data)
        self._hashing = hash_key or bytes(HASH_KEY_SIZE)
        records, _ = read_records(self._keys.data) if hash_key else ({}, {})
        self._known = {key_id: _Known.of(key_id, record) for key_id, record in records.items()}

    def _tell(self) -> None:
        log.info("API keys read", extra={"count": len(self._known)})
        if self._keys.data and read_hash_key(self._hash_key.data) is None:
            log.warning("no API key can be checked: their hash key is missing", extra={"ref": API_HASH_KEY_SECRET})
        elif unread := len(self._keys.data) - len(self._known):
            log.warning("entries are no API keys", extra={"count": unread, "ref": API_KEYS_SECRET})


class _Polled:
    """One Secret, read whole only when it changed."""

    def __init__(self, ref: Ref) -> None:
        self._ref = ref
        self._version: str | None = None
        self._secret: Secret | None = None

    @property
    def data(self) -> Mapping[str, bytes]:
        return self._secret.data if self._secret is not None else {}

    async def moved(self, cluster: Cluster) -> bool:
        """Read it; True if it is not as it was."""
        found = await cluster.get(SECRET_METADATA, self._ref)
        version = found.metadata.resource_version if found is not None else ""
        if version == self._version:
            return False
        self._secret = await cluster.get(SECRETS, self._ref)
        self._version = self._secret.metadata.resource_version if self._secret is not None else ""
        return True


def _key(authorization: str | None) -> ApiKey:
    """The key in the header; without one, and without a right checksum, nothing is looked up."""
    if authorization is None or not authorization[: len(_SCHEME)].lower() == _SCHEME:
        raise Unauthenticated
    try:
        return ApiKey.parse(authorization[len(_SCHEME) :].strip(" "))
    except Invalid:
        raise Unauthenticated from None
