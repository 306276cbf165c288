"""Who a variable is and whom it reaches: scopes, layers, identities and pod shapes (design §2, §3)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from runtimeenv.errors import Invalid

Surface = Literal["sandbox", "computer", "agent"]
Target = Literal["all", Surface]
ScopeKind = Literal["tenant", "workspace", "project"]

SURFACES: Final[tuple[Surface, ...]] = get_args(Surface)
TARGETS: Final[tuple[Target, ...]] = ("all", *SURFACES)
SCOPE_KINDS: Final[tuple[ScopeKind, ...]] = get_args(ScopeKind)

ID_PATTERN: Final = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
ID_RULE: Final = "1 to 63 letters, digits, '_', '.' or '-', with a letter or digit first and last"
NAME_PATTERN: Final = r"[A-Z_][A-Z0-9_]*"
NAME_LIMIT: Final = 128
NAME_RULE: Final = "upper-case letters, digits and '_', not a digit first, at most 128 characters"

_ID = re.compile(ID_PATTERN)
_NAME = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class Tenant:
    """The widest scope: everything of one tenant."""

    tenant: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace of a tenant."""

    tenant: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Project:
    """One project of a tenant; projects are not nested in workspaces."""

    tenant: str
    project: str


Scope = Tenant | Workspace | Project


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of the merge order."""

    scope: Scope
    target: Target

    def __str__(self) -> str:
        match self.scope:
            case Tenant():
                return f"tenant/{self.target}"
            case Workspace(workspace=workspace):
                return f"workspace {workspace}/{self.target}"
            case Project(project=project):
                return f"project {project}/{self.target}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a variable unique in its tenant, and never changes: its layer and its NAME."""

    layer: Layer
    name: str

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        return self.layer.scope.tenant

    @property
    def id(self) -> str:
        """``env_`` and 26 characters of base32 (lower case): 128 bits of SHA-256 over the identity, length-prefixed."""
        fields = (*scope_fields(self.layer.scope), self.layer.target, self.name)
        encoded = b"".join(len(f.encode()).to_bytes(4, "big") + f.encode() for f in ("renv/id/1", *fields))
        return "env_" + base64.b32encode(hashlib.sha256(encoded).digest()[:16]).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class Shape:
    """What tells pods apart: the surface, and the workspace and project whose variables they see."""

    surface: Surface
    workspace: str | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """``namespace/name`` of an object whose kind is known from the place."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class RuntimeEnvKey:
    """One RuntimeEnv: a shape in a namespace."""

    namespace: str
    shape: Shape


def scope_kind(scope: Scope) -> ScopeKind:
    """The scope's word in the API."""
    match scope:
        case Tenant():
            return "tenant"
        case Workspace():
            return "workspace"
        case Project():
            return "project"


def scope_fields(scope: Scope) -> tuple[str, str, str, str]:
    """(kind, tenant, workspace id or "", project id or ""): the same four places for every scope."""
    match scope:
        case Tenant(tenant):
            return ("tenant", tenant, "", "")
        case Workspace(tenant, workspace):
            return ("workspace", tenant, workspace, "")
        case Project(tenant, project):
            return ("project", tenant, "", project)


def scope_of(kind: str, tenant: str, workspace: str | None, project: str | None) -> Scope:
    """Build a scope from the API's three fields.

    Raises Invalid, naming ``scope``, ``workspaceId`` or ``projectId``, unless the ids are exactly those of the scope.
    """
    if kind not in SCOPE_KINDS:
        raise Invalid("scope", "use one of tenant, workspace, project")
    for field, value, owner in (("workspaceId", workspace, "workspace"), ("projectId", project, "project")):
        if kind == owner and not value:
            raise Invalid(field, f"required when scope is {owner}")
        if kind != owner and value:
            raise Invalid(field, f"remove it: it belongs to scope {owner} only")
    if kind == "workspace":
        return Workspace(tenant, parse_id("workspaceId", workspace or ""))
    if kind == "project":
        return Project(tenant, parse_id("projectId", project or ""))
    return Tenant(tenant)


def identity_of(
    tenant: str, scope: str, workspace: str | None, project: str | None, target: str, name: str
) -> Identity:
    """The identity that an object's spec names; raises Invalid with the field's path: CRD rules may have been away."""
    parse_name("spec.name", name)
    try:
        return Identity(Layer(scope_of(scope, tenant, workspace, project), parse_target("target", target)), name)
    except Invalid as error:
        raise Invalid(f"spec.{error.field}", error.message) from None


def parse_id(field: str, text: str) -> str:
    """A tenant's, workspace's or project's id as it is; raises Invalid with the rule."""
    if not _ID.fullmatch(text):
        raise Invalid(field, f"must be {ID_RULE}")
    return text


def parse_name(field: str, text: str) -> str:
    """A variable's NAME as it is; raises Invalid with the rule."""
    if len(text) > NAME_LIMIT or not _NAME.fullmatch(text):
        raise Invalid(field, f"must be {NAME_RULE}")
    return text


def parse_target(field: str, text: str) -> Target:
    """A variable's target; raises Invalid."""
    if text not in TARGETS:
        raise Invalid(field, "use one of all, sandbox, computer, agent")
    return text


def parse_surface(field: str, text: str) -> Surface:
    """A pod's target, which is never ``all``; raises Invalid."""
    if text not in SURFACES:
        raise Invalid(field, "use one of sandbox, computer, agent")
    return text
