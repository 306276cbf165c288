"""One request over kubernetes.aio, by path and raw bytes; failures become ClusterErrors, their bodies dropped.

Authentication and TLS stay the library's; its generated models stay out of the way (architecture §1).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.rest import RESTResponse
from kubernetes.aio.config import ConfigException

from runtimeenv import __version__
from runtimeenv.core.patches import Op
from runtimeenv.errors import ClusterError, Expired, Oversized, Rejected, Stale, Unavailable

CALL: Final = aiohttp.ClientTimeout(total=10)
_FAILURES: Final = {409: Stale, 410: Expired, 429: Unavailable}


@dataclass(frozen=True, slots=True)
class Call:
    """A request; ``what`` names it in errors, and holds no value."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    what: str
    accept: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | Sequence[Op] | None = field(default=None, repr=False)
    content_type: str = "application/json"
    timeout: aiohttp.ClientTimeout = CALL
    most: int | None = None
    """Bytes of the answer that are read."""


Count = Callable[[str, int], None]
"""Told the method and the status of each request; 0 where nobody answered."""


def uncounted(_method: str, _status: int) -> None:
    """For those whom nobody scrapes."""


class Transport:
    """A connection pool to the API server. Raises Unavailable where no answer comes in time."""

    def __init__(self, api: ApiClient, count: Count = uncounted) -> None:
        self._api = api
        self._count = count
        api.user_agent = f"runtime-env/{__version__}"

    async def read(self, call: Call) -> bytes:
        """The whole body of a successful answer. Raises Oversized beyond ``call.most``, and reads no further."""
        with network_failures(call.what):
            answer = await self._answer(call)
            body = await _body(answer.response, call)
        if answer.status >= 300:
            raise failure(answer.status, call.what)
        return body

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        """A successful answer's body, in pieces as they arrive; iterate under `network_failures`."""
        with network_failures(call.what):
            answer = await self._answer(call)
        try:
            if answer.status >= 300:
                raise failure(answer.status, call.what)
            yield answer.response.content.iter_any()
        finally:
            answer.response.close()

    async def _answer(self, call: Call) -> RESTResponse:
        method, url, headers, _, _ = await self._api.param_serialize(
            call.method,
            call.path,
            query_params=[(name, value) for name, value in call.params.items() if value],
            # Compressing costs the server more than the network inside a cluster does.
            header_params={"Accept": call.accept, "Accept-Encoding": "identity", "Content-Type": call.content_type},
            auth_settings=["BearerToken"],
        )
        status = 0
        try:
            answer = await self._api.call_api(method, url, headers, call.body, _request_timeout=call.timeout)
            status = answer.status
        finally:
            self._count(call.method, status)
        return answer


async def _body(response: aiohttp.ClientResponse, call: Call) -> bytes:
    if call.most is None:
        return await response.read()
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > call.most:
            response.close()
            raise Oversized(response.status, call.what)
        pieces.append(piece)
    return b"".join(pieces)


def failure(status: int, what: str) -> ClusterError:
    """The error for an HTTP status of 300 or more."""
    return _FAILURES.get(status, Unavailable if status >= 500 else Rejected)(status, what)


@contextmanager
def network_failures(what: str) -> Iterator[None]:
    """Time-outs, network errors and credentials that can't be read become Unavailable."""
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError, ConfigException):
        raise Unavailable(0, what) from None
