"""The audit trail: one line in the log for each request, and never what was in it.

Who (key id, tenant, address), what (method, route), which variable, and how it ended.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from runtimeenv.api.refusals import Refusal
from runtimeenv.api.traffic import Traffic

AUDIT: Final = "audit"
"""Where routes find the request's `Audit`: ``request.state.audit``."""
REFUSAL: Final = "refusal"
"""Where a connection leaves, likewise, the `Refusal` that it gave instead of the routes' answer."""

log: Final = logging.getLogger("runtimeenv.api")

_RECORD: Final = log.makeRecord(log.name, logging.INFO, "", 0, "request", (), None).__dict__
_OWN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Audit:
    """One request. `middleware` makes it; routes fill in key id, tenant, variable and code.

    Whatever stands here is logged: no path, no query, no header, no body.
    """

    request_id: str
    method: str
    address: str
    """The client's, behind the proxies that are believed; "" if unknown."""
    key_id: str = ""
    """The API key's id, once the key is known to be good."""
    tenant: str = ""
    """That key's."""
    variable: str = ""
    """The id of a variable that exists in that tenant, never one that was only asked for."""
    code: str = ""
    """The error's (``NOT_FOUND``), "" for success."""
    route: str = ""
    """The path's template (``/api/v1/runtime-env/{id}``), "" where no route matches."""
    status: int = 0


class Trail:
    """Writes the lines, and counts what goes by."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def note(self, audit: Audit, seconds: float) -> None:
        """Log one request, whatever the log's level, and count it."""
        self._traffic.count(audit.route, audit.method, audit.status, seconds)
        record = object.__new__(logging.LogRecord)  # its own constructor takes longer than all the rest here
        record.__dict__.update(
            _RECORD,
            created=time.time(),
            method=audit.method,
            route=audit.route,
            status=audit.status,
            code=audit.code,
            key_id=audit.key_id,
            tenant=audit.tenant,
            variable=audit.variable,
            request_id=audit.request_id,
            seconds=round(seconds, 6),
            address=audit.address,
        )
        log.handle(record)

    def refused(self, refusal: Refusal, audit: Audit) -> Audit:
        """Note a request that no route saw."""
        audit.status, audit.code = refusal.status, refusal.failure.code
        self.note(audit, 0.0)
        return audit


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's own X-Request-Id if its form is harmless, else a new one."""
    for name, text in headers:
        if name == b"x-request-id" and _OWN_ID.fullmatch(text):
            return text.decode()
    return "req_" + secrets.token_hex(12)
