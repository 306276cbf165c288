"""Pydantic's JSON schemas as Kubernetes' structural schemas: no references, no titles, no null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtimeenv.core.model import Model

Schema = dict[str, Any]

_KEPT = (
    "type", "format", "description", "enum", "minimum", "minLength", "maxLength", "required",
    "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
)  # fmt: skip


def structural(model: type[Model], rules: Mapping[type[Model], list[Schema]]) -> Schema:
    """The schema of a kind; ``rules`` are the CEL rules of the models inside it."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    by_name = {m.__name__: r for m, r in rules.items()}
    return _node(schema, definitions, by_name)


def _node(node: Schema, definitions: Mapping[str, Schema], rules: Mapping[str, list[Schema]]) -> Schema:
    if "anyOf" in node:  # optional: may be absent, never null
        given = next(alternative for alternative in node["anyOf"] if alternative.get("type") != "null")
        return _node({**given, **{k: v for k, v in node.items() if k != "anyOf"}}, definitions, rules)
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        resolved = _node({**definitions[name], **{k: v for k, v in node.items() if k != "$ref"}}, definitions, rules)
        return {**resolved, "x-kubernetes-validations": rules[name]} if name in rules else resolved
    result = {k: node[k] for k in _KEPT if k in node}
    if "x-kubernetes-int-or-string" in node:
        result.pop("type", None)
    if node.get("type") == "integer":
        result["format"] = "int64"
    if node.get("default"):  # an empty default means the same as an absent field
        result["default"] = node["default"]
    if "properties" in node:
        result["properties"] = {k: _node(v, definitions, rules) for k, v in node["properties"].items()}
    if "items" in node:
        result["items"] = _node(node["items"], definitions, rules)
    return result
