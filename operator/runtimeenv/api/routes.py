"""The endpoints of design §8: what each asks for, and the answer in bytes that are ready already."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Scope

from runtimeenv.api import documentation
from runtimeenv.api.admission import Service, admit
from runtimeenv.api.bodies import read_object
from runtimeenv.api.conditions import if_match, if_none_match
from runtimeenv.api.drafts import parse_change, parse_draft, parse_replacement
from runtimeenv.api.errors import ANSWERED, answer
from runtimeenv.api.heads import values
from runtimeenv.api.items import many, one
from runtimeenv.api.operations import BASE, ONE
from runtimeenv.api.pages import page
from runtimeenv.api.queries import EVERYTHING, parse_listing
from runtimeenv.errors import Invalid

if TYPE_CHECKING:
    from runtimeenv.api.bearers import Bearer
    from runtimeenv.api.claimants import Entry
    from runtimeenv.api.writes import Done

Handler = Callable[[Request, "Bearer"], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

STALE_AFTER: Final = 5.0
"""Seconds without word from the cluster after which reads state their age."""
_JSON: Final = "application/json"
_REVISION = re.compile(r"[0-9]{1,20}", re.ASCII)


def application(service: Service) -> FastAPI:
    """The ASGI application. It expects the request's `audit.Audit` at ``request.state.audit`` (`middleware`)."""
    variables = Variables(service)
    endpoints = (
        (ONE, "GET", variables.fetch),
        (BASE, "GET", variables.select),
        (BASE, "POST", variables.upsert),
        (ONE, "PATCH", variables.update),
        (ONE, "PUT", variables.replace),
        (ONE, "DELETE", variables.delete),
    )
    routes = [_Route(p, _endpoint(service, h, to_write=m != "GET"), methods=[m]) for p, m, h in endpoints]
    pages = [_Route(path, page) for path, page in documentation.pages(service.allowed_names).items()]
    return _Application(routes=[*routes, *pages], openapi_url=None, redirect_slashes=False)


class _Application(FastAPI):
    """Without the framework's own layers: a 500 and the limits on bodies are `middleware`'s and `intake`'s.

    They would do again at each request what is done around them already, for a tenth of its time.
    """

    def build_middleware_stack(self) -> ASGIApp:
        """What stands before the router."""
        return ExceptionMiddleware(self.router, {HTTPException: _unrouted})


class _Route(Route):
    """A route without FastAPI's parsing, whose errors echo input; as its own do, it says which one matched."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self}


class Variables:
    """The six endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._catalog = service.catalog
        self._writes = service.writes

    async def select(self, request: Request, bearer: Bearer) -> Response:
        """All variables that the key reaches, or those that the filters leave; a page of them if a limit is given."""
        listing = parse_listing(request.scope["query_string"])
        await self._catch_up(request, bearer)
        if listing is EVERYTHING and (whole := self._catalog.whole(bearer)) is not None:
            return Response(whole, 200, self._age(), _JSON)
        found = self._catalog.select(bearer, listing.selection)
        entries, next_cursor = page(found, listing.after, listing.limit)
        return Response(many([e.item for e in entries], next_cursor), 200, self._age(), _JSON)

    async def fetch(self, request: Request, bearer: Bearer) -> Response:
        """One variable; 304 where the client has it already."""
        await self._catch_up(request, bearer)
        entry = self._find(request, bearer)
        headers = {"ETag": entry.etag, **self._age()}
        if if_none_match(_tags(request, b"if-none-match"), entry.etag):
            return Response(None, 304, headers)
        return Response(one(entry.item), 200, headers, _JSON)

    async def upsert(self, request: Request, bearer: Bearer) -> Response:
        """Create, or update by identity with the same defaults."""
        draft = parse_draft(await read_object(request), bearer.tenant, self._service.allowed_names)
        done = await self._writes.upsert(bearer, draft)
        request.state.audit.variable = done.entry.id
        return _written(done)

    async def update(self, request: Request, bearer: Bearer) -> Response:
        """Change what is given."""
        body = await read_object(request)
        await self._catch_up(request, bearer)
        entry = self._find(request, bearer)
        change = parse_change(body, entry.identity)
        return _written(await self._writes.update(bearer, entry.id, change, _demand(request)))

    async def replace(self, request: Request, bearer: Bearer) -> Response:
        """Change what is given, and reset what is not, but never the value."""
        body = await read_object(request)
        await self._catch_up(request, bearer)
        entry = self._find(request, bearer)
        change = parse_replacement(body, entry.identity)
        return _written(await self._writes.update(bearer, entry.id, change, _demand(request)))

    async def delete(self, request: Request, bearer: Bearer) -> Response:
        """Delete; a younger claimant of the same identity takes over."""
        await self._catch_up(request, bearer)
        known = self._find(request, bearer).id
        revision = await self._writes.delete(bearer, known, _demand(request))
        return Response(b'{"ok":true,"id":"%b"}' % known.encode(), 200, {"Runtime-Env-Revision": revision}, _JSON)

    def _find(self, request: Request, bearer: Bearer) -> Entry:
        entry = self._catalog.find(bearer, request.path_params["id"])
        request.state.audit.variable = entry.id
        return entry

    async def _catch_up(self, request: Request, bearer: Bearer) -> None:
        """Wait until the catalog has what this client wrote, here or, by its header, in another replica."""
        [header] = values(request, b"runtime-env-revision")[:1] or ["0"]
        if not _REVISION.fullmatch(header):
            raise Invalid("Runtime-Env-Revision", "must be what a write answered with: a whole number")
        await self._catalog.reached(bearer.tenant, int(header))

    def _age(self) -> dict[str, str]:
        age = self._service.age()
        return {"Runtime-Env-Age": str(int(age))} if age > STALE_AFTER else {}


def _endpoint(service: Service, handler: Handler, *, to_write: bool) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request, admit(service, request, to_write=to_write))
        except ANSWERED as error:
            return answer(request, error)

    return endpoint


def _demand(request: Request) -> Callable[[str], bool]:
    return if_match(_tags(request, b"if-match"))


def _tags(request: Request, field: bytes) -> str | None:
    """A field that comes twice is one list (RFC 9110 §5.3)."""
    headers = values(request, field)
    return ", ".join(headers) if headers else None


def _written(done: Done) -> Response:
    headers = {
        "ETag": done.entry.etag,
        "Runtime-Env-Ready": "true" if done.ready else "false",
        "Runtime-Env-Revision": done.revision,
    }
    return Response(one(done.entry.item), 201 if done.created else 200, headers, _JSON)


async def _unrouted(request: Request, error: Exception) -> Response:
    """Where no route answers: 404, 405 with Allow, and OPTIONS, which needs no key."""
    if not isinstance(error, HTTPException) or error.status_code != 405:
        return answer(request, error)
    headers = {"Allow": ", ".join(sorted(_methods(request)))}
    return Response(None, 204, headers) if request.method == "OPTIONS" else answer(request, error, headers)


def _methods(request: Request) -> set[str]:
    routes = [r for r in request.app.router.routes if r.matches(request.scope)[0] is not Match.NONE]
    return {"OPTIONS"}.union(*(route.methods for route in routes))
