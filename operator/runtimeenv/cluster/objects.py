"""What is read of each kind: only the fields used, since 100,000 of them are kept in memory.

msgspec skips every other field while it decodes, above all ``managedFields``. Times stay the API's RFC 3339 text: they
compare as text. ``gc=False`` keeps the objects out of the garbage collector's scans; none can be part of a cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct, field
from msgspec.structs import force_setattr

from runtimeenv.core.identity import Ref

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
"""The one empty mapping that all absent maps share."""


class OwnerReference(Struct, frozen=True, gc=False, rename="camel"):
    """``metadata.ownerReferences[]``."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class ObjectMeta(Struct, frozen=True, gc=False, rename="camel"):
    """``metadata`` without annotations, which may be large (kubectl keeps whole manifests there)."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: Mapping[str, str] = NOTHING
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def ref(self) -> Ref:
        """``namespace/name``; the namespace is empty for kinds that have none."""
        return Ref(self.namespace, self.name)

    @property
    def version(self) -> int:
        """The resourceVersion as the integer it is: newer is greater (KEP-5504)."""
        return int(self.resource_version)


class AnnotatedMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """``metadata`` with annotations."""

    annotations: Mapping[str, str] = NOTHING


class Described(Protocol):
    """Any object of the API: it has metadata."""

    @property
    def metadata(self) -> ObjectMeta: ...


class Metadata(Struct, frozen=True, gc=False):
    """An object of which only the metadata matters."""

    metadata: ObjectMeta


class AnnotatedMetadata(Struct, frozen=True, gc=False):
    """An object of which only the metadata matters, annotations included."""

    metadata: AnnotatedMeta


class Secret(Struct, frozen=True, gc=False):
    """A Secret; ``data`` is decoded from base64. Its repr shows no value."""

    metadata: ObjectMeta
    type: str = "Opaque"
    data: Mapping[str, bytes] = NOTHING

    def __repr__(self) -> str:
        return f"Secret({self.metadata.ref}, {self.type})"


def without_content(secret: Secret) -> Secret:
    """What tells one state of a Secret from another; a quarter of the memory of an encrypted one."""
    meta = secret.metadata
    kept = ObjectMeta(meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version)
    return Secret(kept, secret.type)


class ConfigMap(Struct, frozen=True, gc=False):
    """A ConfigMap's text entries."""

    metadata: ObjectMeta
    data: Mapping[str, str] = NOTHING


class LeaseSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``spec`` of a Lease; times are RFC 3339 with microseconds."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int = 0


class LeaseObject(Struct, frozen=True, gc=False):
    """A Lease of coordination.k8s.io/v1."""

    metadata: ObjectMeta
    spec: LeaseSpec = LeaseSpec()


class WebhookConfiguration(Struct, frozen=True):
    """A MutatingWebhookConfiguration; a merge patch replaces lists whole, so each webhook keeps all its fields."""

    metadata: ObjectMeta
    webhooks: list[dict[str, Any]] = field(default_factory=list)


class Condition(Struct, frozen=True, gc=False, rename="camel"):
    """``status.conditions[]``."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class RuntimeEnvVarObject(Struct, frozen=True):
    """A RuntimeEnvVar with its spec and status as they stand. Its repr shows neither."""

    metadata: ObjectMeta
    spec: Mapping[str, Any] = NOTHING
    status: Mapping[str, Any] = NOTHING

    def __repr__(self) -> str:
        return f"RuntimeEnvVarObject({self.metadata.ref})"


class RuntimeEnvSpec(Struct, frozen=True, gc=False, rename="camel"):
    """``spec`` of a RuntimeEnv: a pod shape."""

    target: str
    workspace_id: str | None = None
    project_id: str | None = None


def listing_digest(variables: object) -> bytes:
    """A RuntimeEnv's ``status.variables`` as 16 bytes: the list is long, and only compared."""
    return blake2b(msgspec.json.encode(variables, order="sorted"), digest_size=16).digest()


class RuntimeEnvStatus(Struct, frozen=True, gc=False, rename="camel"):
    """``status`` of a RuntimeEnv; of its list of variables only the digest is kept."""

    secret_name: str = ""
    revision: str = ""
    secret_version: str = ""
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    variables: Any = None

    def __post_init__(self) -> None:
        """Runs after decoding, too."""
        if isinstance(self.variables, list):
            force_setattr(self, "variables", listing_digest(self.variables))


class RuntimeEnvObject(Struct, frozen=True, gc=False):
    """A RuntimeEnv."""

    metadata: ObjectMeta
    spec: RuntimeEnvSpec
    status: RuntimeEnvStatus = RuntimeEnvStatus()
