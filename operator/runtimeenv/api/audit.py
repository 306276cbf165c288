"""What the audit trail tells of one request (issue: who, what, which, outcome), and never what was in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Audit:
    """One request. `middleware` makes it and logs it; routes find it at ``request.state.audit`` and fill in the rest.

    Whatever stands here is logged: no path, no query, no header, no body.
    """

    request_id: str
    method: str
    address: str
    """The client's, behind the proxies that are believed; "" if unknown."""
    key_id: str = ""
    """Routes: the API key's id, once it is known to be good."""
    tenant: str = ""
    """Routes: the API key's tenant."""
    variable: str = ""
    """Routes: the id of a variable that exists in that tenant, never one that was only asked for."""
    code: str = ""
    """The error's code (``NOT_FOUND``), "" for success."""
    route: str = ""
    """Middleware: the path's template (``/api/v1/runtime-env/{id}``), "" where no route matches."""
    status: int = 0
    """Middleware."""
