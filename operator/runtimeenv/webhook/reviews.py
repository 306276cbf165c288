"""AdmissionReview (admission.k8s.io/v1): what the API server asks, and the three answers: allowed, patched, denied.

A review may hold plaintext. None of it is logged, and no decoder's message is passed on: some quote their input.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, Generic, Literal, TypeVar

from msgspec import DecodeError, Struct, json

from runtimeenv.core.patches import Op
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.errors import ClusterError, Denied, Invalid, KeyUnavailable, RuntimeEnvError
from runtimeenv.serving.connection import TOO_LARGE
from runtimeenv.serving.http import Answer
from runtimeenv.webhook.namespaces import Namespaces
from runtimeenv.webhook.outcomes import Outcomes

T = TypeVar("T")
ApiVersion = Literal["admission.k8s.io/v1"]
API_VERSION: Final[ApiVersion] = "admission.k8s.io/v1"

MALFORMED: Final = Answer(400, b"not an AdmissionReview of admission.k8s.io/v1 for this path\n", "text/plain")


SMALL: Final = 256 * 1024
"""Bytes of a review that decoding can't blow up to more than 10 MiB."""
UNBOUNDED: Final = 1 << 62


class Request(Struct, Generic[T], rename="camel"):
    """What is asked: may ``object`` (on UPDATE: instead of ``old_object``) be stored, and in what form?"""

    uid: str
    namespace: str = ""
    operation: str = ""
    sub_resource: str = ""
    object: T | None = None
    old_object: T | None = None

    def __repr__(self) -> str:
        return f"Request({self.uid})"


class Review(Struct, Generic[T], rename="camel"):
    """One question."""

    api_version: ApiVersion
    request: Request[T]


class _Status(Struct):
    code: int
    message: str


class _Response(Struct, omit_defaults=True, rename="camel"):
    uid: str
    allowed: bool
    patch_type: str = ""
    patch: bytes = b""
    status: _Status | None = None


class _Answered(Struct, rename="camel"):
    response: _Response
    api_version: str = API_VERSION
    kind: str = "AdmissionReview"


_encode: Final = json.Encoder().encode

Judge = Callable[[Request[T], Enrolment | None], Sequence[Op]]
"""Decides, given what the namespace is known to be enrolled as: the operations to apply, none to allow as it is.

Raises Invalid or Denied to refuse, and EnrolmentNeeded where it can't decide without one.
"""


class EnrolmentNeeded(Exception):
    """The judge can't decide on a namespace that isn't known as enrolled."""


class Reviewer(Generic[T]):
    """Answers the reviews of one path: decodes, has them judged, and words the verdict.

    What is known is judged at once; only a namespace that isn't known as enrolled makes a review wait: as bytes, since
    objects take twenty times the room. ``objects`` bounds those that one review is decoded into, by its braces.
    """

    def __init__(
        self, kind: type[T], judge: Judge[T], namespaces: Namespaces, outcomes: Outcomes, objects: int = UNBOUNDED
    ) -> None:
        self._objects = objects
        self._decode = json.Decoder(Review[kind]).decode  # type: ignore[valid-type]
        self._judge = judge
        self._namespaces = namespaces
        self._outcomes = outcomes

    def __call__(self, body: bytes) -> Answer | Awaitable[Answer]:
        """Answer one body. What is no review is malformed; other failures are faults, and pass through."""
        began = perf_counter()
        try:
            answer = self._answer(body)
        except Exception:
            self._outcomes.failed += 1
            raise
        if not isinstance(answer, Answer):
            return self._later(answer, began)
        self._outcomes.durations.add(perf_counter() - began)
        return answer

    async def _later(self, pending: Awaitable[Answer], began: float) -> Answer:
        try:
            answer = await pending
        except Exception:
            self._outcomes.failed += 1
            raise
        self._outcomes.durations.add(perf_counter() - began)
        return answer

    def _answer(self, body: bytes) -> Answer | Awaitable[Answer]:
        if len(body) > SMALL and body.count(b"{") > self._objects:
            return self._malformed(TOO_LARGE)
        try:
            request: Request[T] = self._decode(body).request
        except (ValueError, RecursionError):
            return self._malformed()
        try:
            return self._verdict(request, self._namespaces.known(request.namespace))
        except EnrolmentNeeded:
            return self._read_first(request.uid, request.namespace, body)

    async def _read_first(self, uid: str, namespace: str, body: bytes) -> Answer:
        try:
            enrolment = await self._namespaces.read(namespace)
        except (Denied, ClusterError) as error:
            return self._denied(uid, error)
        return self._verdict(self._decode(body).request, enrolment)

    def _verdict(self, request: Request[T], enrolment: Enrolment | None) -> Answer:
        try:
            ops = self._judge(request, enrolment)
        except (Invalid, Denied, KeyUnavailable) as error:
            return self._denied(request.uid, error)
        except (DecodeError, RecursionError):
            return self._malformed()
        if not ops:
            self._outcomes.allowed += 1
            return allowed(request.uid)
        self._outcomes.patched += 1
        return patched(request.uid, ops)

    def _malformed(self, answer: Answer = MALFORMED) -> Answer:
        self._outcomes.malformed += 1
        return answer

    def _denied(self, uid: str, error: RuntimeEnvError) -> Answer:
        self._outcomes.denied += 1
        return denied(uid, error)


def allowed(uid: str) -> Answer:
    """Let the object through as it is."""
    return _answer(_Response(uid, allowed=True))


def patched(uid: str, ops: Sequence[Op]) -> Answer:
    """Let the object through with these changes, all of them or none."""
    return _answer(_Response(uid, allowed=True, patch_type="JSONPatch", patch=_encode(ops)))


def denied(uid: str, error: RuntimeEnvError) -> Answer:
    """Refuse, with the HTTP status and the sentence that the user reads."""
    match error:
        case Invalid():
            status = _Status(422, str(error))
        case Denied():
            status = _Status(403, str(error))
        case _:
            status = _Status(503, f"{error}; try again")
    return _answer(_Response(uid, allowed=False, status=status))


def _answer(response: _Response) -> Answer:
    return Answer(200, _encode(_Answered(response)))
