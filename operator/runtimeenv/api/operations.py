"""The endpoints as OpenAPI operations: what each takes, and each status that it may answer with."""

from __future__ import annotations

from typing import Any, Final

from runtimeenv.api.conditions import TAGS_PATTERN
from runtimeenv.api.examples import CHANGE, CREATED, DELETED, DRAFTS, LISTED, PARAMETERS, REPLACEMENT
from runtimeenv.api.pages import CURSOR_LIMIT
from runtimeenv.api.queries import LIMIT_MAXIMUM
from runtimeenv.api.schemas import SCOPE, SCOPE_ID, TARGET, VARIABLE_ID

Object = dict[str, Any]

BASE: Final = "/api/v1/runtime-env"
ONE: Final = BASE + "/{id}"

EVERYWHERE: Final = (400, 401, 408, 414, 429, 431, 500, 503)
WITH_BODY: Final = (403, 413, 415, 422)
_TAGS: Final[Object] = {"type": "string", "pattern": TAGS_PATTERN}


def paths() -> Object:
    """The document's ``paths``."""
    return {
        BASE: {"get": _select(), "post": _upsert()},
        ONE: {
            "parameters": [_parameter("path", "id", VARIABLE_ID, "The variable's id.")],
            "get": _fetch(),
            "patch": _update("updateVariable", "Change what is given", "Change", CHANGE),
            "put": _update("replaceVariable", "Change what is given and reset the rest", "Replacement", REPLACEMENT),
            "delete": _delete(),
        },
    }


def _select() -> Object:
    return {
        "operationId": "listVariables",
        "summary": "List runtime env vars",
        "description": "All variables of the tenant that the API key reaches, by name. Filters must all match.",
        "parameters": [
            _parameter("query", "scope", SCOPE, "Only of this scope; needs the scope's id."),
            _parameter("query", "workspace_id", SCOPE_ID, "Only of this workspace. Required when scope is workspace."),
            _parameter("query", "project_id", SCOPE_ID, "Only of this project. Required when scope is project."),
            _parameter("query", "target", TARGET, "Only with exactly this target."),
            _parameter(
                "query",
                "limit",
                {"type": "integer", "minimum": 1, "maximum": LIMIT_MAXIMUM},
                "The most variables to answer with. Absent: all.",
            ),
            _parameter(
                "query",
                "cursor",
                {"type": "string", "minLength": 1, "maxLength": CURSOR_LIMIT, "pattern": "^[A-Za-z0-9_-]+$"},
                "The next_cursor of the page before.",
            ),
            _REVISION,
        ],
        "responses": {"200": _response("The variables.", "VariableList", LISTED, _AGE), **_errors(422)},
    }


def _upsert() -> Object:
    example = {name: {"value": draft} for name, draft in DRAFTS.items()}
    return {
        "operationId": "upsertVariable",
        "summary": "Create or upsert a runtime env var",
        "description": "Updates the variable of the same identity if there is one, with the same defaults: (scope, its "
        "id, name, target) is unique in a tenant.",
        "requestBody": _body("Draft", example),
        "responses": {
            "201": _response("Created.", "VariableAnswer", CREATED, _WRITTEN),
            "200": _response("Updated: the variable existed.", "VariableAnswer", CREATED, _WRITTEN),
            **_errors(*WITH_BODY, 409),
        },
    }


def _fetch() -> Object:
    return {
        "operationId": "getVariable",
        "summary": "Fetch metadata for one runtime env var",
        "parameters": [
            _parameter("header", "If-None-Match", _TAGS, "Answer 304 if the variable is still in this state."),
            _REVISION,
        ],
        "responses": {
            "200": _response("The variable.", "VariableAnswer", CREATED, {**_ETAG, **_AGE}),
            "304": {"description": "Still as the client has it.", "headers": {**_ETAG, **_AGE, **_EVERY}},
            **_errors(404, 422),
        },
    }


def _update(operation: str, summary: str, schema: str, example: Object) -> Object:
    return {
        "operationId": operation,
        "summary": f"Update a runtime env var: {summary[:1].lower()}{summary[1:]}",
        "parameters": [_IF_MATCH, _REVISION],
        "requestBody": _body(schema, {"change": {"value": example}}),
        "responses": {
            "200": _response("The variable as it is now.", "VariableAnswer", CREATED, _WRITTEN),
            **_errors(*WITH_BODY, 404, 409, 412),
        },
    }


def _delete() -> Object:
    return {
        "operationId": "deleteVariable",
        "summary": "Delete a runtime env var",
        "parameters": [_IF_MATCH, _REVISION],
        "responses": {
            "200": _response(
                "Deleted.", "Deleted", DELETED, {"Runtime-Env-Revision": _WRITTEN["Runtime-Env-Revision"]}
            ),
            **_errors(403, 404, 409, 412, 422),
        },
    }


def _parameter(place: str, name: str, schema: Object, description: str) -> Object:
    given = {"in": place, "name": name, "description": description, "required": place == "path"}
    return {**given, "schema": schema, "example": PARAMETERS[name]}


def _body(schema: str, examples: Object) -> Object:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": examples}
    return {"required": True, "content": {"application/json": content}}


def _response(description: str, schema: str, example: Object, headers: Object) -> Object:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": {"answer": {"value": example}}}
    return {
        "description": description,
        "headers": {**headers, **_EVERY},
        "content": {"application/json": content},
    }


def _errors(*statuses: int) -> Object:
    return {str(s): {"$ref": f"#/components/responses/{s}"} for s in sorted({*EVERYWHERE, *statuses})}


def _header(name: str) -> Object:
    return {name: {"$ref": f"#/components/headers/{name}"}}


_REVISION: Final = _parameter(
    "header",
    "Runtime-Env-Revision",
    {"type": "string", "pattern": "^[0-9]{1,20}$"},
    "What a write answered with: waits, in any replica, until this answer shows that write.",
)
_IF_MATCH: Final = _parameter("header", "If-Match", _TAGS, "Only if the variable is still in this state; else 412.")
_EVERY: Final = _header("X-Request-Id")
_ETAG: Final = _header("ETag")
_AGE: Final = _header("Runtime-Env-Age")
_WRITTEN: Final = {**_ETAG, **_header("Runtime-Env-Ready"), **_header("Runtime-Env-Revision")}
