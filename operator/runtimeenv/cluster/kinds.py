"""Kind: where objects of one kind stand in the API, and how they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from runtimeenv.cluster.objects import (
    AnnotatedMetadata,
    ConfigMap,
    Described,
    LeaseObject,
    Metadata,
    RuntimeEnvObject,
    RuntimeEnvVarObject,
    Secret,
    WebhookConfiguration,
)
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_VERSION

T = TypeVar("T", bound=Described)
S = TypeVar("S", bound=Described)

Manifest = Mapping[str, Any]
"""An object as JSON would hold it; bytes are not JSON: encode them to base64."""

JSON: Final = "application/json"
PARTIAL: Final = "application/json;as={};g=meta.k8s.io;v=v1"


class _ListMeta(Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class ListBody(Struct, Generic[T], frozen=True):
    """The answer to a list: ``metadata.continue`` is set where more pages follow."""

    metadata: _ListMeta
    items: list[T] | None = None
    """The server sends null for an empty list of metadata."""


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """One kind of the API, read as T. ``partial`` asks the server for metadata only (PartialObjectMetadata)."""

    api_version: str
    name: str
    plural: str
    read: type[T]
    namespaced: bool = True
    partial: bool = False
    decode: Callable[[bytes], T] = field(init=False, repr=False)
    decode_list: Callable[[bytes], ListBody[T]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decode", msgspec.json.Decoder(self.read).decode)
        object.__setattr__(self, "decode_list", msgspec.json.Decoder(ListBody[self.read]).decode)  # type: ignore[name-defined]

    def read_as(self, read: type[S], *, partial: bool = False) -> Kind[S]:
        """The same address with another decoder: a caller that keeps many objects reads fewer fields."""
        return Kind(self.api_version, self.name, self.plural, read, self.namespaced, partial)

    @property
    def accept(self) -> str:
        """The Accept header of a get or a watch."""
        return PARTIAL.format("PartialObjectMetadata") if self.partial else JSON

    @property
    def accept_list(self) -> str:
        """The Accept header of a list."""
        return PARTIAL.format("PartialObjectMetadataList") if self.partial else JSON

    def collection(self, namespace: str = "") -> str:
        """The path of all objects, of one namespace where it is given."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        inside = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{self.api_version}{inside}/{self.plural}"

    def path(self, ref: Ref, subresource: str = "") -> str:
        """The path of one object."""
        path = f"{self.collection(ref.namespace)}/{quote(ref.name, safe='')}"
        return f"{path}/{subresource}" if subresource else path


NAMESPACES: Final = Kind("v1", "Namespace", "namespaces", AnnotatedMetadata, namespaced=False, partial=True)
SECRETS: Final = Kind("v1", "Secret", "secrets", Secret)
SECRET_METADATA: Final = SECRETS.read_as(Metadata, partial=True)
CONFIG_MAPS: Final = Kind("v1", "ConfigMap", "configmaps", ConfigMap)
PODS: Final = Kind("v1", "Pod", "pods", AnnotatedMetadata)
POD_METADATA: Final = PODS.read_as(AnnotatedMetadata, partial=True)
EVENTS: Final = Kind("events.k8s.io/v1", "Event", "events", Metadata)
LEASES: Final = Kind("coordination.k8s.io/v1", "Lease", "leases", LeaseObject)
MUTATING_WEBHOOK_CONFIGURATIONS: Final = Kind(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    WebhookConfiguration,
    namespaced=False,
)
RUNTIME_ENV_VARS: Final = Kind(API_VERSION, "RuntimeEnvVar", "runtimeenvvars", RuntimeEnvVarObject)
RUNTIME_ENV_VAR_METADATA: Final = RUNTIME_ENV_VARS.read_as(Metadata, partial=True)
RUNTIME_ENVS: Final = Kind(API_VERSION, "RuntimeEnv", "runtimeenvs", RuntimeEnvObject)

_BY_NAME: Final[Mapping[tuple[str, str], Kind[Any]]] = {
    (kind.api_version, kind.name): kind
    for kind in (
        NAMESPACES,
        SECRETS,
        CONFIG_MAPS,
        PODS,
        EVENTS,
        LEASES,
        MUTATING_WEBHOOK_CONFIGURATIONS,
        RUNTIME_ENV_VARS,
        RUNTIME_ENVS,
    )
}


def kind_of(manifest: Manifest) -> Kind[Any]:
    """The kind that a manifest names; raises KeyError for one that this project never writes."""
    return _BY_NAME[manifest["apiVersion"], manifest["kind"]]


def ref_of(manifest: Manifest) -> Ref:
    """A manifest's ``namespace/name``."""
    return Ref(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
