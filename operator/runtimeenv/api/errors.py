"""Every failure as the one error body (design §8). Its texts are ours alone: nothing of the request is in them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from runtimeenv.api.bodies import TooLarge, UnsupportedMediaType
from runtimeenv.api.failures import CODES, Detail, Failure, error_body
from runtimeenv.api.faults import Refused
from runtimeenv.api.strict_json import Malformed
from runtimeenv.errors import (
    ClusterError,
    Conflict,
    Denied,
    Invalid,
    KeyUnavailable,
    NoHome,
    NotFound,
    PreconditionFailed,
    Rejected,
    RuntimeEnvError,
    Throttled,
    Unauthenticated,
)

RETRY_SOON: Final = 1
RETRY_LATE: Final = 30
"""Seconds to wait for what only an administrator can mend."""

_STATUSES: Final[dict[type[RuntimeEnvError], int]] = {
    Malformed: 400,
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    NoHome: 409,
    PreconditionFailed: 412,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    Invalid: 422,
    Refused: 422,
    Throttled: 429,
    KeyUnavailable: 503,
    ClusterError: 503,
}
ANSWERED: Final = tuple(_STATUSES)
"""Whatever else is raised is a fault of ours: `middleware` answers it."""

# Where the error's own text is not for clients: it names our objects, or the framework's text may name the path.
_MESSAGES: Final = {
    400: "The request is malformed.",
    404: "There is no such variable, or no such path.",
    405: "This path does not answer to this method; the header Allow names those that it does.",
    413: "The request is too large.",
    422: "The input is invalid; details name each field and the mend.",
    431: "The header is too large.",
    500: "Something went wrong here; the request id finds it in the log.",
    503: "The cluster can't do this now; try again.",
}
_REFUSED_BY_CLUSTER: Final = (
    "The cluster refuses this write; its administrator must change a policy, quota or permission."
)
_CLIENT_TEXTS: Final = (Malformed, Unauthenticated, Denied, NoHome, PreconditionFailed, TooLarge,
                        UnsupportedMediaType, Throttled)  # fmt: skip
_FIELDS: Final = {"workspaceId": "workspace_id", "projectId": "project_id"}


def answer(request: Request, error: Exception, headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that failed so; the audit trail learns the code."""
    status, failure = failure_of(error)
    request.state.audit.code = failure.code
    return render(status, failure, request.state.audit.request_id, headers)


def render(status: int, failure: Failure, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """The error body and the headers that belong to its status."""
    found = dict(headers or {})
    if status == 401:
        found["WWW-Authenticate"] = "Bearer"
    if failure.retry_after is not UNSET:
        found["Retry-After"] = str(failure.retry_after)
    return Response(error_body(failure, request_id), status, found, "application/json")


def failure_of(error: Exception) -> tuple[int, Failure]:
    """The status and the body of an error: one of ANSWERED, or an HTTPException of the framework."""
    status = _status(error)
    return status, Failure(CODES[status], _message(status, error), tuple(_details(error)), _retry_after(status, error))


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code if error.status_code in CODES else 400 if error.status_code < 500 else 500
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def _message(status: int, error: Exception) -> str:
    if isinstance(error, _CLIENT_TEXTS):
        text = str(error)
        return f"{text[:1].upper()}{text[1:]}."
    if isinstance(error, Conflict):
        return f"The object {error.winner} defines this variable; change it there."
    if isinstance(error, Rejected):
        return _REFUSED_BY_CLUSTER
    return _MESSAGES.get(status, _MESSAGES[400])


def _details(error: Exception) -> Iterable[Detail]:
    faults = error.faults if isinstance(error, Refused) else (error,) if isinstance(error, Invalid) else ()
    for fault in faults:
        field = fault.field.removeprefix("spec.")
        yield Detail(_FIELDS.get(field, field), fault.message)


def _retry_after(status: int, error: Exception) -> int | UnsetType:
    if isinstance(error, Throttled):
        return max(1, math.ceil(error.seconds))
    if isinstance(error, Rejected):
        return RETRY_LATE
    return RETRY_SOON if status == 503 else UNSET
