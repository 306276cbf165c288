"""ApiCluster: the verbs of Cluster on a real API server.

Answers to writes may echo what was sent, so only the metadata is asked for; values never come back.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeVar

import aiohttp
import msgspec
from kubernetes.aio.client import ApiClient
from msgspec import Raw, Struct

from runtimeenv.cluster import access
from runtimeenv.cluster.kinds import PARTIAL, Kind, Manifest, T, kind_of, ref_of
from runtimeenv.cluster.protocol import Cluster, Page, Query, WatchEvent, Written, pages
from runtimeenv.cluster.shallow import shallow
from runtimeenv.cluster.transport import Call, Count, Transport, failure, network_failures, uncounted
from runtimeenv.core.identity import Ref
from runtimeenv.core.patches import Op
from runtimeenv.errors import Rejected, Stale, Unavailable

__all__ = ["ApiCluster", "Cluster", "Page", "Query", "WatchEvent", "connect", "pages"]

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
WRITTEN: Final = PARTIAL.format("PartialObjectMetadata")

PAGE: Final = 8 * 2**20
"""Bytes of a page; honest ones have far fewer."""
LIST: Final = aiohttp.ClientTimeout(total=60, sock_connect=10, sock_read=30)
# The server sends a bookmark a minute: a connection silent for longer is dead.
SILENCE: Final = 90.0
WATCH_SECONDS: Final = (240, 480)

B = TypeVar("B")


class _Version(Struct, rename="camel"):
    resource_version: str
    generation: int = 0


class _Versioned(Struct):
    metadata: _Version


class _Status(Struct):
    code: int = 500


class _Line(Struct):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: Raw


_decode_versioned = msgspec.json.Decoder(_Versioned).decode
_decode_status = msgspec.json.Decoder(_Status).decode
_decode_line = msgspec.json.Decoder(_Line).decode


class ApiCluster:
    """A Cluster at the end of a connection pool; made by `connect`."""

    def __init__(self, api: ApiClient, count: Count = uncounted) -> None:
        self._transport = Transport(api, count)

    async def get(self, kind: Kind[T], ref: Ref) -> T | None:
        """See Cluster."""
        call = Call("GET", kind.path(ref), f"get {kind.plural} {ref}", kind.accept)
        try:
            return await self._read(call, kind.decode)
        except Rejected as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: Kind[T], query: Query) -> Page[T]:
        """See Cluster."""
        params = {**_selectors(query), "limit": str(query.limit), "continue": query.after}
        path = kind.collection(query.namespace)
        most = PAGE if query.limit > 1 else None
        call = Call("GET", path, f"list {kind.plural}", kind.accept_list, params, timeout=LIST, most=most)
        body = await self._read(call, kind.decode_list)
        return Page(body.items or [], body.metadata.resource_version, body.metadata.continue_)

    async def replace(self, manifest: Manifest, version: str | None) -> str:
        """See Cluster."""
        if version is not None:
            return await self._put(manifest, version)
        kind, ref = kind_of(manifest), ref_of(manifest)
        call = Call("POST", kind.collection(ref.namespace), f"create {kind.plural} {ref}", WRITTEN, body=manifest)
        return (await self._read(call, _decode_versioned)).metadata.resource_version

    async def replace_status(self, manifest: Manifest, version: str) -> str:
        """See Cluster."""
        return await self._put(manifest, version, "status")

    async def patch(self, kind: Kind[T], ref: Ref, body: Manifest | Sequence[Op], *, subresource: str = "") -> Written:
        """See Cluster."""
        path, form = kind.path(ref, subresource), MERGE_PATCH if isinstance(body, Mapping) else JSON_PATCH
        call = Call("PATCH", path, f"patch {_resource(kind, subresource)} {ref}", WRITTEN, body=body, content_type=form)
        written = (await self._read(call, _decode_versioned)).metadata
        return Written(written.resource_version, written.generation)

    async def delete(self, kind: Kind[T], ref: Ref, *, uid: str, version: str = "") -> None:
        """See Cluster."""
        preconditions = {"uid": uid, "resourceVersion": version} if version else {"uid": uid}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            await self._transport.read(
                Call("DELETE", kind.path(ref), f"delete {kind.plural} {ref}", WRITTEN, body=options)
            )
        except (Rejected, Stale) as error:
            if error.status not in (404, 409) or (version and error.status == 409):
                raise

    async def watch(self, kind: Kind[T], query: Query, since: str) -> AsyncGenerator[WatchEvent[T], None]:
        """See Cluster."""
        call = _watching(kind, query, since)
        async with self._transport.stream(call) as pieces:
            with network_failures(call.what):
                async for line in lines(pieces):
                    yield _decoded(lambda raw: _watch_event(raw, kind, call.what), line, call.what)

    async def _put(self, manifest: Manifest, version: str, subresource: str = "") -> str:
        kind, ref = kind_of(manifest), ref_of(manifest)
        body = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}
        call = Call(
            "PUT", kind.path(ref, subresource), f"replace {_resource(kind, subresource)} {ref}", WRITTEN, body=body
        )
        try:
            return (await self._read(call, _decode_versioned)).metadata.resource_version
        except Rejected as error:
            if error.status == 404:
                raise Stale(404, call.what) from None
            raise

    async def _read(self, call: Call, decode: Callable[[bytes], B]) -> B:
        return _decoded(decode, await self._transport.read(call), call.what)


def _resource(kind: Kind[T], subresource: str) -> str:
    """As RBAC names it."""
    return f"{kind.plural}/{subresource}" if subresource else kind.plural


@asynccontextmanager
async def connect(context: str | None = None, count: Count = uncounted) -> AsyncIterator[ApiCluster]:
    """A Cluster as the environment says (see `access`), closed at the end. Raises Invalid."""
    async with ApiClient(await access.configuration(os.environ, context)) as api:
        yield ApiCluster(api, count)


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of any length, in linear time; a last one without its end was cut off and is dropped."""
    begun: list[bytes] = []
    async for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for end in whole:
            yield b"".join((*begun, end))
            begun.clear()
        if rest:
            begun.append(rest)


def _selectors(query: Query) -> Mapping[str, str]:
    return {"labelSelector": query.labels, "fieldSelector": query.fields}


def _watching(kind: Kind[T], query: Query, since: str) -> Call:
    seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - so that watches don't all end at once
    params = {
        **_selectors(query),
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": since,
        "timeoutSeconds": str(seconds),
    }
    timeout = aiohttp.ClientTimeout(total=seconds + SILENCE, sock_connect=10, sock_read=SILENCE)
    return Call("GET", kind.collection(query.namespace), f"watch {kind.plural}", kind.accept, params, timeout=timeout)


def _watch_event(line: bytes, kind: Kind[T], what: str) -> WatchEvent[T]:
    """Raises Expired for a version that is too old, and otherwise what the server's Status means."""
    told = _decode_line(line)
    if told.type == "ERROR":
        raise failure(max(_decode_status(told.object).code, 400), what)
    if told.type == "BOOKMARK":
        return WatchEvent("BOOKMARK", _decode_versioned(told.object).metadata.resource_version, None)
    item = kind.decode(told.object)
    return WatchEvent(told.type, item.metadata.resource_version, item)


def _decoded(decode: Callable[[bytes], B], raw: bytes, what: str) -> B:
    try:
        return _in_depth(decode, raw)
    except msgspec.MsgspecError:
        raise Unavailable(200, f"{what}: unreadable answer") from None


def _in_depth(decode: Callable[[bytes], B], raw: bytes) -> B:
    try:
        return decode(raw)
    except RecursionError:
        return decode(shallow(raw))
