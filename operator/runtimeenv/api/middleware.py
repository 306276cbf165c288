"""What holds for every request: its id, its line in the log, the headers of every answer, a 500 that tells nothing.

Plain ASGI: it runs at each request, and costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtimeenv.api.audit import AUDIT, REFUSAL, Audit, Trail, request_id
from runtimeenv.api.failures import error_body
from runtimeenv.api.proxies import Proxies
from runtimeenv.api.refusals import COMMON, FAULT, POLICY

GONE: Final = (499, "CLIENT_GONE")
"""In the log alone: the client went before its request was whole."""
CUT_OFF: Final = (503, "UNAVAILABLE")
"""Likewise: this process ended before the answer did."""

log: Final = logging.getLogger(__name__)


class Requests:
    """Wraps the routes' application."""

    def __init__(self, application: ASGIApp, trail: Trail, proxies: Proxies) -> None:
        self._application = application
        self._trail = trail
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, for HTTP alone."""
        if scope["state"].get(REFUSAL) is not None:
            return  # given up, and noted, before it began
        began = time.perf_counter()
        audit = self._audit(scope)
        scope = _as_routed(scope)
        answer = _answering(audit, send)
        try:
            await self._application(scope, receive, answer)
        except ClientDisconnect:
            audit.status, audit.code = GONE
        except asyncio.CancelledError:
            audit.status, audit.code = CUT_OFF
            raise
        except Exception:
            await _fail(audit, answer)
        finally:
            _conclude(audit, scope)
            self._trail.note(audit, time.perf_counter() - began)

    def _audit(self, scope: Scope) -> Audit:
        headers, client = scope["headers"], scope["client"]
        peer = client[0] if client else ""
        address = self._proxies.client(peer, headers)
        if address != peer:
            scope["client"] = (address, 0)
        if self._proxies.believed(peer):
            scope["scheme"] = _scheme(scope)
        audit = Audit(request_id(headers), scope["method"], address)
        scope["state"][AUDIT] = audit
        return audit


def _answering(audit: Audit, send: Send) -> Send:
    """``send``, which adds to the header. No coroutine of its own: that would cost as much again."""

    def answer(message: Message) -> Awaitable[None]:
        if message["type"] != "http.response.start":
            return send(message) if audit.status else _unsent()
        audit.status = message["status"]
        headers = message.get("headers", ())
        own = () if POLICY[0] in dict(headers) else (POLICY,)
        message["headers"] = [*headers, *own, *COMMON, (b"x-request-id", audit.request_id.encode())]
        return send(message)

    return answer


async def _unsent() -> None:
    pass


async def _fail(audit: Audit, answer: Send) -> None:
    log.exception("request failed", extra={"request_id": audit.request_id})
    audit.code = FAULT.failure.code
    if not audit.status:
        body = error_body(FAULT.failure, audit.request_id)
        await answer({"type": "http.response.start", "status": FAULT.status, "headers": FAULT.headers(body)})
        await answer({"type": "http.response.body", "body": body})


def _as_routed(scope: Scope) -> Scope:
    """What the routes are to see: no slash at the end, and GET for HEAD, whose body the server leaves out."""
    path = scope["path"]
    if len(path) > 1 and path[-1] == "/":
        scope["path"] = path[:-1]
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


def _scheme(scope: Scope) -> str:
    said = next((text for name, text in reversed(scope["headers"]) if name == b"x-forwarded-proto"), b"")
    return said.decode() if said in (b"http", b"https") else str(scope["scheme"])


def _conclude(audit: Audit, scope: Scope) -> None:
    audit.route = getattr(scope.get("route"), "path_format", "")
    refusal = scope["state"].get(REFUSAL)
    if refusal is not None:
        audit.status, audit.code = refusal.status, refusal.failure.code
    elif not audit.status:
        audit.status, audit.code = GONE
