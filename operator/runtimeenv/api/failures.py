"""The one error body of the REST API, and its codes (design §8)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

CODES: Final = {
    400: "MALFORMED_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_FAILED",
    429: "RATE_LIMITED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Detail(msgspec.Struct, frozen=True):
    """One fault of the input."""

    field: Annotated[str, Meta(description="The field, parameter or header; body or query for the whole of them.")]
    message: Annotated[str, Meta(description="The rule, and how to mend it. Never what was sent.")]


class Failure(msgspec.Struct, frozen=True):
    """Why a request failed."""

    code: Annotated[str, Meta(description="One word for programs.")]
    message: Annotated[str, Meta(description="One sentence for people.")]
    details: Annotated[tuple[Detail, ...], Meta(description="The faults of invalid input; else empty.")] = ()
    retry_after: Annotated[int, Meta(description="Whole seconds to wait before trying again.", ge=1)] | UnsetType = (
        UNSET
    )


class ErrorBody(msgspec.Struct, frozen=True):
    """The answer to every request that failed."""

    error: Failure
    request_id: Annotated[str, Meta(description="The same as the answer's header X-Request-Id.")]


def error_body(failure: Failure, request_id: str) -> bytes:
    """The body as compact JSON."""
    return msgspec.json.encode(ErrorBody(failure, request_id))
