"""The two kinds as users and the API server see them (design §3).

The text under a field is what ``kubectl explain`` prints: ``core.crd`` makes the CRDs from these classes. Values and
sealed texts show in no repr and in no error.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from runtimeenv.core import identity as rules
from runtimeenv.core.conditions import Condition
from runtimeenv.core.identity import Identity, Ref, ScopeKind, Surface, Target
from runtimeenv.core.model import Model, ObjectMeta
from runtimeenv.errors import Invalid

ID_LIMIT: Final = 63
SEALED_LIMIT: Final = 48 * 1024
"""Characters of a sealed text: 32 KiB of value and 2 KiB of key material in base64, with room for a later suite."""

_MAP_BY_TYPE: Final = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
_ATOMIC: Final = {"x-kubernetes-list-type": "atomic"}
_TIME: Final = {"format": "date-time"}
# The API server's answer to a wrongly typed field prints what was given, unless the schema leaves the type open.
_UNTYPED: Final = {"x-kubernetes-int-or-string": True}
# kstatus, by which Flux and Helm wait, takes an object without observedGeneration for current.
_UNSEEN: Final[dict[str, Any]] = {"default": {"observedGeneration": -1}}


class SecretKeyRef(Model):
    """A key of a Secret."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of a Secret in the same namespace. It must carry the label runtime.miosa.ai/source: "true"."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key in the Secret's data whose content is the value: UTF-8 text without NUL, at most 32 KiB."""


class ValueFrom(Model):
    """Where the value is read from."""

    secret_key_ref: SecretKeyRef
    """A key of a Secret in the same namespace."""


class RuntimeEnvVarSpec(Model):
    """What the variable is called, whom it reaches, and where its value comes from."""

    scope: ScopeKind
    """How wide the variable reaches: tenant, workspace or project; narrower wins. Immutable."""
    workspace_id: Annotated[str | None, Field(max_length=ID_LIMIT)] = None
    """The workspace; required exactly when scope is workspace. Immutable."""
    project_id: Annotated[str | None, Field(max_length=ID_LIMIT)] = None
    """The project; required exactly when scope is project. Immutable."""
    target: Target = "all"
    """Which runtime surface receives it: all, sandbox, computer or agent; one surface wins over all. Immutable."""
    name: Annotated[str, Field(max_length=rules.NAME_LIMIT)]
    """Name of the environment variable: upper-case letters, digits and underscores, not a digit first. Immutable."""
    enabled: bool = True
    """False takes the variable out of every environment; a variable of a wider scope then shows through."""
    metadata: Annotated[
        dict[str, Any] | None, Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    ] = None
    """Free-form notes, such as provider, owner, rollout or product. Stored in clear: never put a value here."""
    value: Annotated[Any, Field(repr=False, json_schema_extra=_UNTYPED)] = None
    """Write-only plaintext, UTF-8 without NUL, at most 32 KiB. Replaced by sealedValue at admission, never stored."""
    sealed_value: Annotated[str | None, Field(repr=False, max_length=SEALED_LIMIT, json_schema_extra=_UNTYPED)] = None
    """The value sealed for this variable alone, by `runtimeenv seal` or at admission. Safe in Git."""
    value_from: ValueFrom | None = None
    """Reads the value from a Secret, and follows its changes."""

    @property
    def source(self) -> str | SecretKeyRef:
        """The sealed text or the reference; raises Invalid unless there is exactly one, and none in clear."""
        if self.value is not None:
            raise Invalid("spec.value", "is still in clear: apply the object again once the webhook runs")
        match self.sealed_value, self.value_from:
            case str() as sealed, None:
                return sealed
            case None, ValueFrom(secret_key_ref=reference):
                return reference
        raise Invalid("spec", "give exactly one of value, sealedValue, valueFrom")


class Propagation(Model):
    """How many environments hold the variable as it is now; as of the last reconcile, never live."""

    done: Annotated[int, Field(ge=0)]
    """RuntimeEnvs that hold it."""
    total: Annotated[int, Field(ge=0)]
    """RuntimeEnvs that should hold it."""


class Status(Model):
    """What the controller last saw and did. Only the controller writes it."""

    observed_generation: Annotated[int | None, Field(ge=-1)] = None
    """The metadata.generation that this status speaks of; -1 until the controller has seen the object."""
    conditions: Annotated[list[Condition] | None, Field(json_schema_extra=_MAP_BY_TYPE)] = None
    """Ready, Reconciling and Stalled (kstatus); wait for Ready before starting what needs the variable."""


class RuntimeEnvVarStatus(Status):
    """What the controller last saw and did. Only the controller writes it."""

    id: str | None = None
    """The variable's id, made from its identity: the same after a restore."""
    tenant_id: str | None = None
    """The tenant that the namespace is enrolled under."""
    preview: str | None = None
    """First 6 and last 4 characters of long printable values, else a mask of fixed length."""
    created_at: Annotated[str | None, Field(json_schema_extra=_TIME)] = None
    """When the variable was created."""
    updated_at: Annotated[str | None, Field(json_schema_extra=_TIME)] = None
    """When its spec or its source last changed; a key rotation does not count."""
    propagation: Propagation | None = None
    """How many environments hold the variable as it is now; as of the last reconcile, never live."""


class RuntimeEnvVar(Model):
    """One environment variable of a tenant, a workspace or a project, for sandboxes, computers and agents."""

    metadata: ObjectMeta
    spec: RuntimeEnvVarSpec
    """What the variable is called, whom it reaches, and where its value comes from."""
    status: Annotated[RuntimeEnvVarStatus | None, Field(json_schema_extra=_UNSEEN)] = None
    """What the controller last saw and did. Only the controller writes it."""

    @property
    def ref(self) -> Ref:
        """Its namespace and name."""
        return Ref(self.metadata.namespace, self.metadata.name)

    def identity(self, tenant: str) -> Identity:
        """Its identity in the tenant of its namespace. Raises Invalid: the object may predate the CRD's rules."""
        spec = self.spec
        return rules.identity_of(tenant, spec.scope, spec.workspace_id, spec.project_id, spec.target, spec.name)


class RuntimeEnvSpec(Model):
    """The pod shape: what tells one environment from another in a namespace."""

    target: Surface
    """The runtime surface of the pods: sandbox, computer or agent."""
    workspace_id: Annotated[str | None, Field(max_length=ID_LIMIT)] = None
    """The workspace whose variables the pods see; absent: none."""
    project_id: Annotated[str | None, Field(max_length=ID_LIMIT)] = None
    """The project whose variables the pods see; absent: none."""


class ReceivedVariable(Model):
    """One variable of the environment, and what it hides."""

    name: str
    """Name of the environment variable."""
    scope: ScopeKind
    """The scope that won: tenant, workspace or project."""
    target: Target
    """The winner's target: all, sandbox, computer or agent."""
    source: str
    """The RuntimeEnvVar that won, as namespace/name."""
    overrides: Annotated[list[str] | None, Field(json_schema_extra=_ATOMIC)] = None
    """The layers that define the same name and are hidden, narrowest first."""


class RuntimeEnvStatus(Status):
    """What the pods receive, and why; never a value. Only the controller writes it."""

    secret_name: str | None = None
    """The Secret that pods of this shape reference: the same name as this object's."""
    revision: str | None = None
    """Changes when a variable, or when a value, changes; made without the values."""
    secret_version: str | None = None
    """The Secret's resourceVersion after the controller's last write."""
    variables: Annotated[list[ReceivedVariable] | None, Field(json_schema_extra=_ATOMIC)] = None
    """What the pods receive, sorted by name."""


class RuntimeEnv(Model):
    """The environment that one shape of pods receives, and why. Made on demand; one may be made ahead."""

    metadata: ObjectMeta
    spec: RuntimeEnvSpec
    """The pod shape: what tells one environment from another in a namespace. Immutable."""
    status: Annotated[RuntimeEnvStatus | None, Field(json_schema_extra=_UNSEEN)] = None
    """What the pods receive, and why; never a value. Only the controller writes it."""
