"""What holds for every request: its id, its line in the log, the headers of every answer, a 500 that tells nothing."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from runtimeenv.api.audit import Audit

STATE: str = "audit"
"""Where routes find the request's `Audit`: ``request.state.audit``."""


class Requests:
    """Wraps the routes' application."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "http":
            scope.setdefault("state", {})[STATE] = Audit("", scope["method"], "")
        await self._application(scope, receive, send)
