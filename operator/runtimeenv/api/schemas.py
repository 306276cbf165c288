"""JSON Schemas (2020-12, as OpenAPI 3.1 has it) of what comes in and goes out, made from the rules that check it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from runtimeenv.api.failures import ErrorBody
from runtimeenv.api.items import VARIABLE_ID_PATTERN, Item
from runtimeenv.api.notes import DEPTH_LIMIT, MEMBER_LIMIT, SIZE_LIMIT
from runtimeenv.api.strict_json import SAFE_INTEGER
from runtimeenv.core.identity import (
    ID_PATTERN,
    NAME_LIMIT,
    NAME_PATTERN,
    SCOPE_KINDS,
    TARGETS,
    ScopeKind,
)
from runtimeenv.core.values import RESERVED_NAMES, RESERVED_PREFIXES, VALUE_LIMIT

Schema = dict[str, Any]

SCOPE_ID: Final[Schema] = {"type": "string", "pattern": f"^{ID_PATTERN}$", "minLength": 1, "maxLength": 63}
SCOPE: Final[Schema] = {"type": "string", "enum": [*SCOPE_KINDS]}
TARGET: Final[Schema] = {"type": "string", "enum": [*TARGETS]}
VARIABLE_ID: Final[Schema] = {"type": "string", "pattern": VARIABLE_ID_PATTERN}

_SETTABLE: Final[Schema] = {
    "value": {
        "type": "string",
        "writeOnly": True,
        "maxLength": VALUE_LIMIT,
        "pattern": r"^[^\u0000]*$",
        "description": f"Plaintext, UTF-8 without NUL, at most {VALUE_LIMIT} bytes. Encrypted, and never shown again.",
    },
    "enabled": {
        "type": "boolean",
        "description": "false: not materialized; a variable of a wider scope shows through.",
    },
    "metadata": {"$ref": "#/components/schemas/Notes"},
}
_REPEATABLE: Final = (
    "Fields that a GET shows may be sent along: those of the identity unchanged (any other value is a 422), preview, "
    "created_at and updated_at without effect."
)


def components(allowed_names: frozenset[str]) -> dict[str, Schema]:
    """Every named schema. Reserved NAMEs but the allowed ones are excluded in the schema itself."""
    _, ours = msgspec.json.schema_components([Item, ErrorBody], ref_template="#/components/schemas/{name}")
    # Its default is sent, too.
    ours["Failure"]["required"].append("details")
    del ours["Failure"]["properties"]["details"]["default"]
    return {
        **ours,
        "VariableAnswer": _answer({"data": {"$ref": "#/components/schemas/Item"}}, "data"),
        "VariableList": _answer(
            {
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
                "next_cursor": {
                    "type": "string",
                    "description": "Give it as cursor for the next page. Absent: there is none.",
                },
            },
            "data",
        ),
        "Deleted": _answer({"ok": {"const": True}, "id": VARIABLE_ID}, "ok", "id"),
        "Draft": _draft(),
        **{f"{kind.capitalize()}Draft": _draft_of(kind, _name(allowed_names)) for kind in SCOPE_KINDS},
        "Change": _closed(_SETTABLE, description=f"What changes; an absent field stays as it is. {_REPEATABLE}"),
        "Replacement": _closed(
            {
                **_SETTABLE,
                "enabled": {**_SETTABLE["enabled"], "default": True},
                "metadata": {**_SETTABLE["metadata"], "default": {}},
            },
            description=f"What changes; absent enabled is true, absent metadata is empty, but an absent value stays as "
            f"it is. {_REPEATABLE}",
        ),
        "Notes": _notes(),
        "Note": _note(),
    }


def _draft() -> Schema:
    references = {kind: f"#/components/schemas/{kind.capitalize()}Draft" for kind in SCOPE_KINDS}
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "scope", "mapping": references},
    }


def _draft_of(kind: ScopeKind, name: Schema) -> Schema:
    absent = {"type": "null", "description": "Leave it out: it belongs to another scope."}
    needed = {"workspace": ["workspace_id"], "project": ["project_id"]}.get(kind, [])
    ids = {field: SCOPE_ID if field in needed else absent for field in ("workspace_id", "project_id")}
    return _closed(
        {
            "scope": {"type": "string", "const": kind, "description": "How wide the variable reaches."},
            **ids,
            "target": {**TARGET, "default": "all", "description": "The runtime surface that receives it."},
            "name": name,
            **_SETTABLE,
            "enabled": {**_SETTABLE["enabled"], "default": True},
        },
        "scope",
        *needed,
        "name",
        "value",
    )


def _name(allowed: frozenset[str]) -> Schema:
    reserved = sorted(RESERVED_NAMES - allowed)
    prefixed: Schema = {"pattern": f"^({'|'.join(RESERVED_PREFIXES)})"}
    if permitted := sorted(name for name in allowed if name.startswith(RESERVED_PREFIXES)):
        prefixed["not"] = {"enum": permitted}
    return {
        "type": "string",
        "pattern": f"^{NAME_PATTERN}$",
        "minLength": 1,
        "maxLength": NAME_LIMIT,
        "not": {"anyOf": [{"enum": reserved}, prefixed]},
        "description": "Name of the environment variable. Names that run code in programs are reserved.",
    }


def _notes() -> Schema:
    return {
        "type": "object",
        "maxProperties": MEMBER_LIMIT,
        "additionalProperties": {"$ref": "#/components/schemas/Note"},
        "description": "Free-form notes: provider, owner, rollout or product. Stored in clear: never put a value here. "
        f"At most {DEPTH_LIMIT} objects or arrays deep, {MEMBER_LIMIT} members or elements in each, and in all "
        f"{SIZE_LIMIT} bytes of JSON.",
    }


def _note() -> Schema:
    inner = {"$ref": "#/components/schemas/Note"}
    return {
        "type": ["string", "boolean", "null", "number", "array", "object"],
        "minimum": -SAFE_INTEGER,
        "maximum": SAFE_INTEGER,
        "items": inner,
        "maxItems": MEMBER_LIMIT,
        "additionalProperties": inner,
        "maxProperties": MEMBER_LIMIT,
    }


def _answer(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": [*required]}


def _closed(properties: Schema, *required: str, **more: str) -> Schema:
    schema = {"type": "object", **more, "properties": properties, "additionalProperties": False}
    return {**schema, "required": [*required]} if required else schema
