"""Bad input by the door it comes through: its status, code and field; and nothing of it in the answer or the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.cli.logs import JsonLines
from tests.fakes.clock import VirtualTimeLoop
from tests.unit.api.door import BASE, Answer, door

CANARY: Final = "cAnArY-3f9c"
LEAST: Final = {"scope": "tenant", "name": "TOKEN", "value": "v"}
UNKNOWN: Final = f"{BASE}/env_{'a' * 26}"

POST: Final = ("POST", BASE)
JSON: Final = {"content-type": "application/json"}

BODIES: Final = [
    (b"", 400, []),
    (b"{", 400, []),
    (b'"cAnArY-3f9c"', 400, []),
    (b'{"cAnArY-3f9c": 1, "cAnArY-3f9c": 1}', 400, []),
    (b'{"value": "cAnArY-3f9c\xff"}', 400, []),
    (b'{"value": cAnArY-3f9c}', 400, []),
    (b'{"metadata": {"cAnArY-3f9c": NaN}}', 400, []),
    (b'{"cAnArY-3f9c":' + b"[" * 100_000, 400, []),
    (b'{"value": "' + b"cAnArY-3f9c" * 25_000, 413, []),
    ({}, 422, ["scope", "name", "value"]),
    ({**LEAST, CANARY: CANARY}, 422, ["body"]),
    ({**LEAST, "scope": CANARY}, 422, ["scope"]),
    ({**LEAST, "scope": "workspace"}, 422, ["workspace_id"]),
    ({**LEAST, "workspace_id": CANARY}, 422, ["workspace_id"]),
    ({**LEAST, "project_id": f"{CANARY} "}, 422, ["project_id"]),
    ({**LEAST, "target": CANARY}, 422, ["target"]),
    ({**LEAST, "name": CANARY}, 422, ["name"]),
    ({**LEAST, "name": "PATH"}, 422, ["name"]),
    ({**LEAST, "value": f"{CANARY}\0"}, 422, ["value"]),
    ({**LEAST, "value": f"{CANARY}\ud800"}, 422, ["value"]),
    ({**LEAST, "value": CANARY * 3000}, 422, ["value"]),
    ({**LEAST, "value": [CANARY]}, 422, ["value"]),
    ({**LEAST, "enabled": CANARY}, 422, ["enabled"]),
    ({**LEAST, "metadata": [CANARY]}, 422, ["metadata"]),
    ({**LEAST, "metadata": {CANARY: 2**53}}, 422, ["metadata"]),
]

OTHERS: Final[list[tuple[tuple[str, str], str, dict[str, str], int, list[str]]]] = [
    (POST, "", {"content-type": f"text/{CANARY}"}, 415, []),
    (POST, "", {"content-type": f"application/json; charset={CANARY}"}, 415, []),
    (POST, "", {**JSON, "content-encoding": CANARY}, 415, []),
    (POST, "", {**JSON, "content-length": "999999"}, 413, []),
    (("GET", BASE), f"scope={CANARY}", {}, 422, ["scope"]),
    (("GET", BASE), f"{CANARY}=1", {}, 422, ["query"]),
    (("GET", BASE), f"limit={CANARY}&cursor={CANARY}", {}, 422, ["limit", "cursor"]),
    (("GET", BASE), "scope=project", {}, 422, ["project_id"]),
    (("GET", BASE), "", {"Runtime-Env-Revision": CANARY}, 422, ["Runtime-Env-Revision"]),
    (("GET", f"{BASE}/{CANARY}"), "", {}, 404, []),
    (("DELETE", f"{BASE}/{CANARY}"), "", {}, 404, []),
    (("GET", f"/{CANARY}"), "", {}, 404, []),
    (("GET", f"{BASE}/x/{CANARY}"), CANARY, {}, 404, []),
    (("PROPFIND", BASE), CANARY, {}, 405, []),
    (("DELETE", BASE), CANARY, {}, 405, []),
    (("GET", BASE), "", {"Authorization": f"Bearer {CANARY}"}, 401, []),
]

CODES: Final = {
    **{400: "MALFORMED_REQUEST", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"},
    **{413: "PAYLOAD_TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE", 422: "VALIDATION_FAILED"},
}


@contextmanager
def logged() -> Iterator[list[str]]:
    """What the process would log meanwhile, of every logger and level."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    root, handler = logging.getLogger(), Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def refused(answer: Answer, status: int, fields: list[str], lines: list[str]) -> None:
    assert (answer.status, answer.code) == (status, CODES[status])
    assert sorted(answer.fields) == sorted(fields)
    assert CANARY.lower().encode() not in answer.raw().lower()
    assert lines
    assert not [line for line in lines if CANARY.lower() in line.lower()]


@pytest.mark.virtual_time
@pytest.mark.parametrize(("body", "status", "fields"), BODIES)
async def test_a_bad_body_is_refused_by_field(body: Any, status: int, fields: list[str]) -> None:
    async with door() as ask:
        with logged() as lines:
            refused(await ask(*POST, body), status, fields, lines)
        assert not ask.made.variables()


@pytest.mark.virtual_time
@pytest.mark.parametrize(("place", "query", "headers", "status", "fields"), OTHERS)
async def test_a_bad_request_is_refused_by_place(
    place: tuple[str, str], query: str, headers: dict[str, str], status: int, fields: list[str]
) -> None:
    async with door() as ask:
        with logged() as lines:
            refused(await ask(*place, query=query, headers=headers), status, fields, lines)


@pytest.mark.virtual_time
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_bad_change_is_refused_by_field(method: str) -> None:
    async with door() as ask:
        path = f"{BASE}/{(await ask(*POST, LEAST)).item['id']}"
        for body, fields in (
            ({"name": CANARY}, ["name"]),
            ({"tenant_id": CANARY, "id": CANARY}, ["id", "tenant_id"]),
            ({"workspace_id": CANARY}, ["workspace_id"]),
            ({"value": {CANARY: 1}}, ["value"]),
            ({CANARY: 1}, ["body"]),
        ):
            with logged() as lines:
                refused(await ask(method, path, body), 422, fields, lines)
        with logged() as lines:
            refused(await ask(method, path, {}, headers={"If-Match": CANARY}), 422, ["If-Match"], lines)


# A canary anywhere, but in X-Request-Id: it is there to come back.

texts = st.sampled_from([CANARY, f"{CANARY}\0", f" {CANARY}", f"{CANARY}\ud800", f"%{CANARY}", f"Bearer {CANARY}"])
values = st.recursive(
    texts | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(
    [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "runtime-env-revision",
        "host",
        CANARY,
    ]
)
requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"]),
        "path": st.sampled_from(
            [BASE, UNKNOWN, f"{BASE}/{CANARY}", f"/{CANARY}", f"{BASE}//{CANARY}/", "/docs", "/openapi.json"]
        ),
        "query": st.sampled_from(["", CANARY, f"scope={CANARY}", f"{CANARY}={CANARY}", f"cursor={CANARY}&limit=%00"]),
        "headers": st.dictionaries(
            names, st.sampled_from([CANARY, f'"{CANARY}"', f"Bearer {CANARY}", "*"]), max_size=3
        ),
        "body": st.none()
        | st.sampled_from([CANARY.encode(), b'{"%b' % CANARY.encode(), b'{"a": "%b\xff"}' % CANARY.encode()])
        | st.dictionaries(st.sampled_from([*LEAST, "metadata", "enabled", "id", CANARY]), values, max_size=5),
    }
)


@pytest.fixture(scope="module")
def asked() -> Iterator[Callable[..., Answer]]:
    """Sends one request to a door that stays open."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        opened = door()
        ask = runner.run(opened.__aenter__())
        yield lambda **request: runner.run(ask(**request))
        runner.run(opened.__aexit__(None, None, None))


@settings(max_examples=500, deadline=None)
@given(request_sent=requests)
def test_no_answer_and_no_line_of_the_log_holds_what_was_sent(
    asked: Callable[..., Answer], request_sent: dict[str, Any]
) -> None:
    with logged() as lines:
        answer = asked(**request_sent)
    assert answer.status < 500
    assert CANARY.lower().encode() not in answer.raw().lower()
    assert not [line for line in lines if CANARY.lower() in line.lower()]
