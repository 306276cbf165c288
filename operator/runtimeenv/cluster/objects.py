"""What is read of each kind: only the fields used, since 100,000 of them are kept in memory.

Labels, annotations and owners may fill an object up to the API server's limit of 1.5 MiB, and anybody may write them:
they are read of those kinds alone that need them, and mirrors keep none (`identified`).

msgspec skips every other field while it decodes, above all ``managedFields``. Times stay the API's RFC 3339 text: they
compare as text. ``gc=False`` keeps the objects out of the garbage collector's scans; none can be part of a cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import force_setattr

from runtimeenv.core.identity import Ref
from runtimeenv.core.names import ON_DEMAND_LABEL

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
"""The one empty mapping that all absent maps share."""


UID_LIMIT: Final = 64
"""Characters; the API server's own have 36, those in owner references are as long as one likes."""


class OwnerReference(Struct, frozen=True, gc=False, rename="camel"):
    """``metadata.ownerReferences[]``."""

    name: str
    uid: str
    controller: bool = False


class ObjectMeta(Struct, frozen=True, gc=False, rename="camel"):
    """``metadata`` without anything that may be large."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None

    @property
    def ref(self) -> Ref:
        """``namespace/name``; the namespace is empty for kinds that have none."""
        return Ref(self.namespace, self.name)

    @property
    def version(self) -> int:
        """The resourceVersion as the integer it is: newer is greater (KEP-5504)."""
        return int(self.resource_version)


class OwnedMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """``metadata`` with the owners."""

    owner_references: tuple[OwnerReference, ...] = ()


class SecretMeta(OwnedMeta, frozen=True, gc=False, rename="camel"):
    """``metadata`` of a Secret: a label is its owner's consent."""

    labels: Mapping[str, str] = NOTHING


class AnnotatedMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """``metadata`` with labels and annotations."""

    labels: Mapping[str, str] = NOTHING
    annotations: Mapping[str, str] = NOTHING


class EnvironmentMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """``metadata`` of a RuntimeEnv, with the one label that matters."""

    labels: Mapping[str, str] = NOTHING

    def __post_init__(self) -> None:
        """Runs after decoding, too."""
        force_setattr(self, "labels", chosen(self.labels, (ON_DEMAND_LABEL,)))


def chosen(texts: Mapping[str, str], keys: Iterable[str]) -> Mapping[str, str]:
    """These labels or annotations alone, as far as they are there."""
    return {key: texts[key] for key in keys if key in texts} or NOTHING


class Described(Protocol):
    """Any object of the API: it has metadata."""

    @property
    def metadata(self) -> ObjectMeta: ...


class Metadata(Struct, frozen=True, gc=False):
    """An object of which only the metadata matters."""

    metadata: OwnedMeta


class AnnotatedMetadata(Struct, frozen=True, gc=False):
    """An object of which only the metadata matters, annotations included."""

    metadata: AnnotatedMeta


M = TypeVar("M", Metadata, AnnotatedMetadata)


def identified(found: M) -> M:
    """What tells one object, and one state of it, from another."""
    meta = found.metadata
    kept = type(meta)(meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version)
    return msgspec.structs.replace(found, metadata=kept)


def owned(found: Metadata) -> Metadata:
    """The same, and the UID of the controlling owner."""
    bare = identified(found)
    owners = tuple(OwnerReference("", o.uid[:UID_LIMIT], True) for o in found.metadata.owner_references if o.controller)
    return msgspec.structs.replace(bare, metadata=msgspec.structs.replace(bare.metadata, owner_references=owners))


class Secret(Struct, frozen=True, gc=False):
    """A Secret; ``data`` is decoded from base64. Its repr shows no value."""

    metadata: SecretMeta
    type: str = "Opaque"
    data: Mapping[str, bytes] = NOTHING

    def __repr__(self) -> str:
        return f"Secret({self.metadata.ref}, {self.type})"


def without_content(secret: Secret) -> Secret:
    """What tells one state of a Secret from another; a quarter of the memory of an encrypted one."""
    meta = secret.metadata
    kept = SecretMeta(meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version)
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

    metadata: EnvironmentMeta
    spec: RuntimeEnvSpec
    status: RuntimeEnvStatus = RuntimeEnvStatus()
