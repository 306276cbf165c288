"""What is read of a RuntimeEnvVar: never its value, nor its sealed text; and a variable as the catalog holds it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from runtimeenv.api import items
from runtimeenv.api.notes import shown
from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, Kind
from runtimeenv.cluster.objects import NOTHING, AnnotatedMeta, ObjectMeta
from runtimeenv.core.admission import admit
from runtimeenv.core.identity import Identity, Ref, identity_of
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.core.values import MASK
from runtimeenv.errors import Denied, Invalid

State = Literal["pending", "ready", "stalled"]

_STATES: Final[Mapping[str, State]] = {"Ready": "ready", "Stalled": "stalled"}


class Condition(Struct, frozen=True, gc=False, rename="camel"):
    """``status.conditions[]``."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = 0


_NOTHING_TOLD: Final = Condition()


class Status(Struct, frozen=True, gc=False, rename="camel"):
    """What the controller says; of the conditions only those that are True are kept."""

    tenant_id: str = ""
    preview: str = ""
    observed_generation: int = 0
    updated_at: str = ""
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        """Runs after decoding, too."""
        force_setattr(self, "conditions", tuple(c for c in self.conditions if c.status == "True"))


class Spec(Struct, frozen=True, gc=False, rename="camel"):
    """``spec`` without its source."""

    scope: str = ""
    workspace_id: str | None = None
    project_id: str | None = None
    target: str = "all"
    name: str = ""
    enabled: bool = True
    metadata: Mapping[str, Any] = NOTHING

    def __post_init__(self) -> None:
        """Runs after decoding, too."""
        force_setattr(self, "metadata", shown(self.metadata))


class Claimant(Struct, frozen=True, gc=False):
    """A variable's object, as the watch tells it."""

    metadata: ObjectMeta
    spec: Spec = Spec()
    status: Status = Status()

    def identity(self, tenant: str) -> Identity:
        """Its identity in a tenant; raises Invalid."""
        spec = self.spec
        return identity_of(tenant, spec.scope, spec.workspace_id, spec.project_id, spec.target, spec.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.metadata.ref})"


class LiveSpec(Spec, frozen=True, gc=False, rename="camel"):
    """``spec`` as a write needs it: a reference to a Secret gives way to a value, notes of any size to others."""

    value_from: Any = None

    def __post_init__(self) -> None:
        """All of it is kept: it does not live long."""


class Live(Claimant, frozen=True, gc=False):
    """The object as the API server holds it, read before it is written."""

    metadata: AnnotatedMeta
    spec: LiveSpec = LiveSpec()


CLAIMANTS: Final[Kind[Claimant]] = RUNTIME_ENV_VARS.read_as(Claimant)
LIVE: Final[Kind[Live]] = RUNTIME_ENV_VARS.read_as(Live)


class Entry:
    """An admitted variable; its JSON and ETag are made once."""

    __slots__ = ("_etag", "_item", "found", "hidden", "id", "identity")

    def __init__(self, found: Claimant, identity: Identity, *, hidden: bool = False) -> None:
        self.found = found
        self.identity = identity
        self.id = identity.id
        self.hidden = hidden or found.metadata.deletion_timestamp is not None
        """It is being deleted: it claims its identity, and shows no more."""
        self._item = b""
        self._etag = ""

    @property
    def ref(self) -> Ref:
        """Its namespace and name."""
        return self.found.metadata.ref

    @property
    def uid(self) -> str:
        """The object's UID."""
        return self.found.metadata.uid

    @property
    def version(self) -> int:
        """The object's resourceVersion."""
        return self.found.metadata.version

    @property
    def generation(self) -> int:
        """Moves with the spec."""
        return self.found.metadata.generation

    @property
    def claim(self) -> tuple[str, Ref]:
        """See core.claims.Claimant."""
        return (self.created, self.ref)

    @property
    def enabled(self) -> bool:
        """Is it to be materialized?"""
        return self.found.spec.enabled

    @property
    def notes(self) -> Mapping[str, Any]:
        """``metadata`` of the API, ``spec.metadata`` of the object."""
        return shown(self.found.spec.metadata)

    @property
    def created(self) -> str:
        """RFC 3339."""
        return self.found.metadata.creation_timestamp

    @property
    def updated(self) -> str:
        """RFC 3339: when spec or source last changed, as far as the controller has seen."""
        return self.found.status.updated_at or self.created

    @property
    def preview(self) -> str:
        """The value's preview; a mask until the controller has seen the present spec."""
        status = self.found.status
        return (status.preview if status.observed_generation == self.generation else "") or MASK

    @property
    def state(self) -> State:
        """Ready or stalled at the present generation, or still pending."""
        told = self._told
        return _STATES.get(told.type, "pending") if told.observed_generation == self.generation else "pending"

    @property
    def reason(self) -> str:
        """The reason of the condition that is True."""
        return self._told.reason

    @property
    def message(self) -> str:
        """The message of the condition that is True."""
        return self._told.message

    @property
    def settled(self) -> int:
        """The newest generation that was ready or stalled; 0 where none is known."""
        return self._told.observed_generation if self._told.type in _STATES else 0

    def ready(self, generation: int) -> bool:
        """Was this generation, or a later one, ready?"""
        return self._told.type == "Ready" and self.settled >= generation

    @property
    def _told(self) -> Condition:
        return next(iter(self.found.status.conditions), _NOTHING_TOLD)

    @property
    def item(self) -> bytes:
        """The variable as the API shows it: JSON."""
        if not self._item:
            self._item = items.encode(
                self.identity,
                preview=self.preview,
                enabled=self.enabled,
                notes=self.notes,
                created=self.created,
                updated=self.updated,
            )
        return self._item

    @property
    def etag(self) -> str:
        """Strong (RFC 9110 §8.8.1): of what the API shows, and of the object and generation that it shows."""
        if not self._etag:
            state = b"%b\0%b\0%d" % (self.item, self.uid.encode(), self.generation)
            self._etag = f'"{blake2b(state, digest_size=16).hexdigest()}"'
        return self._etag


def entry(found: Claimant, enrolment: Enrolment | None, allowed_names: frozenset[str]) -> Entry | None:
    """The variable, if its namespace may define it (design §3: only admitted objects claim)."""
    if enrolment is None:
        return None
    try:
        identity = admit(found.identity, found.status.tenant_id, enrolment, allowed_names)
    except (Denied, Invalid):
        return None
    return Entry(found, identity)
