"""Who a request comes from, and whether it may go on: the same gate before every endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from runtimeenv.api.heads import values
from runtimeenv.api.limits import neighbourhood
from runtimeenv.errors import Denied, Throttled, Unauthenticated

if TYPE_CHECKING:
    from runtimeenv.api.bearers import Bearer, Bearers
    from runtimeenv.api.catalog import Catalog
    from runtimeenv.api.limits import Limiter
    from runtimeenv.api.writes import Writes


@dataclass(frozen=True, slots=True)
class Service:
    """What the endpoints stand on; ``run`` wires it."""

    bearers: Bearers
    catalog: Catalog
    writes: Writes
    key_limiter: Limiter
    address_limiter: Limiter
    age: Callable[[], float]
    """Seconds since the cluster was last heard."""
    allowed_names: frozenset[str] = frozenset()
    """Reserved NAMEs that an administrator permits."""


def admit(service: Service, request: Request, *, to_write: bool) -> Bearer:
    """The request's bearer, noted for the audit trail.

    Raises Throttled, Unauthenticated (also for the key of a tenant that has no namespace), Unavailable (revocations may
    have been missed) or Denied.
    """
    audit = request.state.audit
    _take(service.address_limiter, neighbourhood(audit.address))
    credentials = values(request, b"authorization")
    bearer = service.bearers.bearer(credentials[0] if len(credentials) == 1 else None)
    audit.key_id, audit.tenant = bearer.key_id, bearer.tenant
    if not service.catalog.knows_tenant(bearer.tenant):
        raise Unauthenticated
    _take(service.key_limiter, bearer.key_id)
    if to_write and not bearer.may_write():
        raise Denied("this API key may only read")
    return bearer


def _take(limiter: Limiter, who: str) -> None:
    if (seconds := limiter.take(who)) > 0:
        raise Throttled(seconds)
