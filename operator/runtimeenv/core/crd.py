"""The two kinds as CustomResourceDefinitions: structural schemas made from ``core.resources``, with CEL rules.

A rule stands on the parent object and names its field by ``fieldPath``: a rule, ``pattern`` or ``type`` on the field
itself would make the API server print the text that it refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from runtimeenv.core import names
from runtimeenv.core.identity import ID_PATTERN, ID_RULE, NAME_PATTERN, NAME_RULE
from runtimeenv.core.model import Model
from runtimeenv.core.resources import RuntimeEnv, RuntimeEnvSpec, RuntimeEnvVar, RuntimeEnvVarSpec, SecretKeyRef
from runtimeenv.core.schema import Schema, structural

SEALED_PATTERN: Final = r"renv1\.[a-z0-9-]+\.[0-9a-f]{16}\.[A-Za-z0-9_-]+(\.[0-9a-f]{8}\.[A-Za-z0-9_-]+)?"
CATEGORY: Final = "runtime-env"

_SOURCES: Final = "[has(self.value), has(self.sealedValue), has(self.valueFrom)].filter(given, given).size()"


@dataclass(frozen=True)
class Kind:
    """What a CRD holds beside its schema. Columns are (heading, type, JSON path, priority: 1 is wide only)."""

    model: type[Model]
    short: str
    columns: tuple[tuple[str, str, str, int], ...]
    selectable: tuple[str, ...]

    @property
    def plural(self) -> str:
        """The resource's name in URLs and in RBAC."""
        return f"{self.model.__name__.lower()}s"


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


VARIABLE: Final = Kind(
    RuntimeEnvVar,
    "rvar",
    (
        ("Name", "string", ".spec.name", 0),
        ("Scope", "string", ".spec.scope", 0),
        ("Target", "string", ".spec.target", 0),
        ("Preview", "string", ".status.preview", 0),
        ("Enabled", "boolean", ".spec.enabled", 0),
        ("Ready", "string", _condition("Ready", "status"), 0),
        ("Reason", "string", _condition("Ready", "reason"), 1),
        ("Workspace", "string", ".spec.workspaceId", 1),
        ("Project", "string", ".spec.projectId", 1),
        ("Age", "date", ".metadata.creationTimestamp", 0),
    ),
    (
        ".spec.scope",
        ".spec.workspaceId",
        ".spec.projectId",
        ".spec.target",
        ".spec.name",
        ".spec.enabled",
        ".status.id",
    ),
)
ENVIRONMENT: Final = Kind(
    RuntimeEnv,
    "renv",
    (
        ("Target", "string", ".spec.target", 0),
        ("Workspace", "string", ".spec.workspaceId", 0),
        ("Project", "string", ".spec.projectId", 0),
        ("Ready", "string", _condition("Ready", "status"), 0),
        ("Reason", "string", _condition("Ready", "reason"), 1),
        ("Revision", "string", ".status.revision", 1),
        ("Age", "date", ".metadata.creationTimestamp", 0),
    ),
    (".spec.target", ".spec.workspaceId", ".spec.projectId"),
)
KINDS: Final = (VARIABLE, ENVIRONMENT)


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as JSON."""
    schema = structural(kind.model, RULES)
    schema["required"] = ["spec"]
    schema["properties"]["metadata"] = {"type": "object"}
    # A priority of 0 is not stored, and so would be drift for whoever compares with the manifest.
    columns = [
        {"name": heading, "type": of, "jsonPath": path, **({"priority": wide} if wide else {})}
        for heading, of, path, wide in kind.columns
    ]
    name = kind.model.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "shortNames": [kind.short],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "selectableFields": [{"jsonPath": path} for path in kind.selectable],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _rule(field: str, reason: str, rule: str, message: str) -> Schema:
    """One CEL rule; its error reads ``spec.<field>: <message>``, or ``spec: <message>`` without a field."""
    path = {"fieldPath": f".{field}"} if field else {}
    return {"rule": rule, "message": message, "reason": f"FieldValue{reason}", **path}


def _form(field: str, pattern: str, mend: str) -> Schema:
    return _rule(field, "Invalid", f"!has(self.{field}) || self.{field}.matches(r'^{pattern}$')", f"{field} {mend}")


def _immutable(field: str) -> Schema:
    """Spelled out: the cost of comparing optionals (``self.?x == oldSelf.?x``) is estimated as unbounded."""
    both = f"has(self.{field}) && has(oldSelf.{field}) && self.{field} == oldSelf.{field}"
    neither = f"!has(self.{field}) && !has(oldSelf.{field})"
    mend = "make another object, then delete this one"
    return _rule(field, "Forbidden", f"{both} || {neither}", f"{field} never changes: {mend}")


def _id_of(scope: str) -> list[Schema]:
    """An id is given exactly when the scope is its own."""
    field = f"{scope}Id"
    needed = f"self.scope != '{scope}' || has(self.{field})"
    alone = f"self.scope == '{scope}' || !has(self.{field})"
    return [
        _rule(field, "Required", needed, f"set {field}, which scope {scope} needs"),
        _rule(field, "Forbidden", alone, f"remove {field}, or use scope {scope}"),
    ]


_IDS: Final = [_form(field, ID_PATTERN, f"must be {ID_RULE}") for field in ("workspaceId", "projectId")]

RULES: Final[dict[type[Model], list[Schema]]] = {
    RuntimeEnvVarSpec: [
        _rule("", "Required", f"{_SOURCES} > 0", "give a source: value, sealedValue or valueFrom"),
        _rule("", "Forbidden", f"{_SOURCES} < 2", "keep exactly one of value, sealedValue and valueFrom"),
        _rule(
            "value",
            "Forbidden",
            "!has(self.value)",
            "value is never stored in clear, and nothing sealed it on its way: apply it again once the Runtime Env "
            "webhook answers, or use sealedValue or valueFrom",
        ),
        _rule(
            "sealedValue",
            "Invalid",
            "!has(self.sealedValue) || type(self.sealedValue) == string && "
            f"string(self.sealedValue).matches(r'^{SEALED_PATTERN}$')",
            "sealedValue must be a text made by `runtimeenv seal`; plaintext belongs in value",
        ),
        _form("name", NAME_PATTERN, f"must be {NAME_RULE}"),
        *_id_of("workspace"),
        *_id_of("project"),
        *_IDS,
        *map(_immutable, ("scope", "workspaceId", "projectId", "target", "name")),
    ],
    SecretKeyRef: [_form("key", r"[-._A-Za-z0-9]+", "must be a key of the Secret: letters, digits, '-', '_' or '.'")],
    RuntimeEnvSpec: [*_IDS, *map(_immutable, ("target", "workspaceId", "projectId"))],
}
