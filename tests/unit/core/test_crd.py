"""The CRDs that the two kinds become (design §3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core.crd import ENVIRONMENT, KINDS, SEALED_PATTERN, VARIABLE, Kind, crd
from runtimeenv.core.identity import TARGETS
from tests import generated

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)


def schema(kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")


@every_kind
def test_every_field_is_explained(kind: Kind) -> None:
    bare = [path for path, node in nodes(schema(kind)) if "description" not in node]
    assert [path for path in bare if path != ".metadata" and not path.endswith("[]")] == []


@every_kind
def test_every_schema_is_structural(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        assert ("type" in node) is not node.get("x-kubernetes-int-or-string", False), path
        assert not {"$ref", "anyOf", "title", "additionalProperties", "const"} & set(node), path
        assert (node.get("type") == "array") is ("items" in node), path


@every_kind
def test_no_field_that_may_hold_a_value_is_checked_where_the_answer_would_repeat_it(kind: Kind) -> None:
    repeating = {"pattern", "format", "enum", "x-kubernetes-validations"}
    spec = schema(kind)["properties"]["spec"]["properties"]
    assert all(not repeating & set(spec.get(name, {})) for name in ("value", "sealedValue"))
    assert [path for path, node in nodes(schema(kind)) if "pattern" in node] == []


def test_defaults_are_the_two_of_the_design_and_a_status_that_says_unseen() -> None:
    unseen = {".status": {"observedGeneration": -1}}
    assert defaults(VARIABLE) == {".spec.target": "all", ".spec.enabled": True, **unseen}
    assert defaults(ENVIRONMENT) == unseen


def defaults(kind: Kind) -> dict[str, Any]:
    return {path: node["default"] for path, node in nodes(schema(kind)) if "default" in node}


def test_a_union_of_words_is_one_enum() -> None:
    properties = schema(VARIABLE)["properties"]["spec"]["properties"]
    assert properties["target"]["enum"] == list(TARGETS)
    assert schema(ENVIRONMENT)["properties"]["spec"]["properties"]["target"]["enum"] == list(TARGETS[1:])


@every_kind
def test_every_rule_names_its_field_and_a_mend(kind: Kind) -> None:
    rules = [rule for _, node in nodes(schema(kind)) for rule in node.get("x-kubernetes-validations", [])]
    for rule in rules:
        field = rule.get("fieldPath", "").removeprefix(".")
        assert field in rule["message"]
        assert rule["reason"].startswith("FieldValue")
    assert len({rule["message"] for rule in rules}) == len(rules) > 4


@pytest.mark.parametrize("sealed", ["renv1.xwing.0123456789abcdef.QUJD", "renv1.x-2.0123456789abcdef.-_.0a1b2c3d.AA"])
def test_the_form_of_a_sealed_text(sealed: str) -> None:
    assert re.fullmatch(SEALED_PATTERN, sealed)


def test_the_committed_files_are_up_to_date() -> None:
    stale = [path.name for path, text in generated.from_core() if not path.exists() or path.read_text() != text]
    assert stale == []
