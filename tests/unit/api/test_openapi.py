"""The document matches the contract's table (design §8), its own examples, and the code that checks what comes in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from runtimeenv.api.drafts import CHANGE_FIELDS, REPEATABLE, parse_change, parse_draft
from runtimeenv.api.failures import CODES
from runtimeenv.api.faults import Refused
from runtimeenv.api.notes import DEPTH_LIMIT
from runtimeenv.api.openapi import document, encoded
from runtimeenv.core.identity import Identity, Layer, Tenant
from tests.unit.api.test_notes import depth_of

BASE: Final = "/api/v1/runtime-env"
ONE: Final = BASE + "/{id}"
DOCUMENT: Final = document(frozenset())
ALWAYS: Final = {400, 401, 408, 414, 429, 431, 500, 503}

TABLE: Final = {
    ("get", BASE): ({200}, {422}),
    ("post", BASE): ({201, 200}, {403, 409, 413, 415, 422}),
    ("get", ONE): ({200, 304}, {404, 422}),
    ("patch", ONE): ({200}, {403, 404, 409, 412, 413, 415, 422}),
    ("put", ONE): ({200}, {403, 404, 409, 412, 413, 415, 422}),
    ("delete", ONE): ({200}, {403, 404, 409, 412, 422}),
}


def operations() -> dict[tuple[str, str], Any]:
    found = {}
    for path, methods in DOCUMENT["paths"].items():
        found.update({(method, path): methods[method] for method in methods if method != "parameters"})
    return found


def resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        place: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    )


def contents(node: Any) -> Iterator[Any]:
    """Every media type object with its schema and examples, anywhere in the document."""
    if isinstance(node, dict):
        if "schema" in node and "examples" in node:
            yield node
        for inner in node.values():
            yield from contents(inner)


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_endpoints_and_their_statuses_are_those_of_the_contract() -> None:
    assert {operation: {int(status) for status in found["responses"]} for operation, found in operations().items()} == {
        operation: good | bad | ALWAYS for operation, (good, bad) in TABLE.items()
    }


def test_every_operation_asks_for_a_bearer() -> None:
    assert DOCUMENT["security"] == [{"bearerAuth": []}]
    assert DOCUMENT["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert not [operation for operation in operations().values() if "security" in operation]


@pytest.mark.parametrize(
    ("method", "path", "place", "names"),
    [
        ("get", BASE, "query", ["scope", "workspace_id", "project_id", "target", "limit", "cursor"]),
        ("get", BASE, "header", ["Runtime-Env-Revision"]),
        ("get", ONE, "header", ["If-None-Match", "Runtime-Env-Revision"]),
        ("patch", ONE, "header", ["If-Match", "Runtime-Env-Revision"]),
        ("put", ONE, "header", ["If-Match", "Runtime-Env-Revision"]),
        ("delete", ONE, "header", ["If-Match", "Runtime-Env-Revision"]),
    ],
)
def test_parameters_are_named(method: str, path: str, place: str, names: list[str]) -> None:
    parameters = operations()[method, path]["parameters"]
    assert [p["name"] for p in parameters if p["in"] == place] == names
    for parameter in parameters:
        assert not parameter["required"]
        assert jsonschema_rs.Draft202012Validator(parameter["schema"]).is_valid(parameter["example"])


def test_a_draft_has_the_documented_fields_and_defaults() -> None:
    for kind, needed in (("tenant", []), ("workspace", ["workspace_id"]), ("project", ["project_id"])):
        schema = DOCUMENT["components"]["schemas"][f"{kind.capitalize()}Draft"]
        fields = ["scope", "workspace_id", "project_id", "target", "name", "value", "enabled", "metadata"]
        assert list(schema["properties"]) == fields
        assert schema["required"] == ["scope", *needed, "name", "value"]
        assert (schema["properties"]["target"]["default"], schema["properties"]["enabled"]["default"]) == ("all", True)


def test_an_item_has_the_documented_fields_and_never_a_value() -> None:
    item = DOCUMENT["components"]["schemas"]["Item"]
    fields = [*REPEATABLE, "preview", "enabled", "metadata", "created_at", "updated_at"]
    assert sorted(item["properties"]) == sorted(item["required"]) == sorted(fields)
    assert set(fields) | {"value"} == set(CHANGE_FIELDS)


def test_every_example_is_valid_and_every_content_has_one() -> None:
    found = [*contents(DOCUMENT)]
    assert len(found) > 20
    for content in found:
        schema = content["schema"]["$ref"].rpartition("/")[2]
        assert content["examples"]
        for example in content["examples"].values():
            validator(schema).validate(example["value"])


def test_every_error_status_has_its_code_and_its_headers() -> None:
    for status, response in DOCUMENT["components"]["responses"].items():
        example = response["content"]["application/json"]["examples"]["error"]["value"]
        assert example["error"]["code"] == CODES[int(status)]
        assert ("Retry-After" in response["headers"]) == ("retry_after" in example["error"]) == (status in "429 503")
        assert ("WWW-Authenticate" in response["headers"]) == (status == "401")


def test_every_answer_carries_its_request_id() -> None:
    for operation in operations().values():
        for response in operation["responses"].values():
            assert "X-Request-Id" in resolved(response)["headers"]


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> Iterator[str]:
        for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
            if key == "$ref":
                yield inner
            elif isinstance(inner, dict | list):
                yield from references(inner)

    for reference in set(references(DOCUMENT)):
        assert resolved({"$ref": reference})


def test_allowed_names_are_not_reserved_in_the_document() -> None:
    ours = document(frozenset({"LD_PRELOAD", "HOME"}))
    for allowed, names in ((DOCUMENT, []), (ours, ["LD_PRELOAD", "HOME"])):
        schema = jsonschema_rs.Draft202012Validator(
            allowed["components"]["schemas"]["TenantDraft"]["properties"]["name"]
        )
        assert [name for name in ("LD_PRELOAD", "HOME", "LD_X", "PATH") if schema.is_valid(name)] == names
        assert schema.is_valid("ANTHROPIC_API_KEY")


def test_the_document_is_constant_json() -> None:
    assert json.loads(encoded(frozenset())) == DOCUMENT
    assert encoded(frozenset()) == encoded(frozenset())


def pool(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def deep(depth: int) -> Any:
    return {"a": deep(depth - 1)} if depth > 1 else {}


NOTES: Final = pool({}, {"a": [1, {"b": None}]}, {"a": 2**53}, {"a": 1e300}, [], None, "x", deep(8))
BODIES: Final = st.fixed_dictionaries(
    {},
    optional={
        "scope": pool("tenant", "workspace", "project", "Tenant", "", None, 1),
        "workspace_id": pool(None, "ws_123", "-a", "", "a" * 64, 1),
        "project_id": pool(None, "blog", "a b", "", False),
        "target": pool("all", "sandbox", "computer", "agent", "pod", None, ""),
        "name": pool("A", "ANTHROPIC_API_KEY", "a", "", "1A", "PATH", "LD_PRELOAD", "A" * 129, "A\n", None, 3),
        "value": pool("", "sk-ant-...", "a\0b", "x" * 32769, None, 1, []),
        "enabled": pool(True, False, None, "true", 1),
        "metadata": NOTES,
        "tenant_id": pool("acme"),
        "cAnArY": pool(1),
    },
)


@settings(max_examples=400, deadline=None)
@given(BODIES)
def test_document_and_parser_agree_on_what_creates_a_variable(body: dict[str, Any]) -> None:
    accepted = False
    with suppress(Refused):
        accepted = bool(parse_draft(body, "acme", frozenset()))
    assert accepted == validator("Draft").is_valid(body)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "value": pool("", "x", "a\0b", "x" * 32769, None, 1),
            "enabled": pool(True, False, None, 0),
            "metadata": NOTES,
            "cAnArY": pool(1),
        },
    )
)
def test_document_and_parser_agree_on_what_changes_a_variable(body: dict[str, Any]) -> None:
    accepted = False
    with suppress(Refused):
        accepted = bool(parse_change(body, Identity(Layer(Tenant("acme"), "all"), "A")))
    assert accepted == validator("Change").is_valid(body) == validator("Replacement").is_valid(body)


POST: Final = schemathesis.openapi.from_dict(DOCUMENT)[BASE]["POST"]


# What fails would take minutes to shrink. That metadata is at most so deep is said in words alone.
@settings(max_examples=50, suppress_health_check=[*HealthCheck], deadline=None, phases=[Phase.generate])
@given(POST.as_strategy())
def test_what_a_client_makes_of_the_document_is_accepted(case: schemathesis.Case[Any]) -> None:
    assume(depth_of(case.body) <= DEPTH_LIMIT)
    assert parse_draft(json.loads(json.dumps(case.body)), "acme", frozenset())
