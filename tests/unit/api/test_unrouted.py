"""What every path and method answers that is no endpoint, and the pages that people read."""

from __future__ import annotations

import json
import re

import pytest

from runtimeenv.api.openapi import document
from tests.unit.api.door import BASE, door

pytestmark = pytest.mark.virtual_time

ONE = f"{BASE}/env_{'a' * 26}"


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", f"{BASE}s", f"{ONE}/more", f"{BASE}//", "/docs/../docs", "*"])
async def test_an_unknown_path_is_not_found_with_and_without_a_key(path: str) -> None:
    async with door() as ask:
        for method in ("GET", "POST", "OPTIONS", "BREW"):
            for key in ("acme", None):
                assert (await ask(method, path, key=key)).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (BASE, "GET, HEAD, OPTIONS, POST"),
        (f"{BASE}/", "GET, HEAD, OPTIONS, POST"),
        (ONE, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
    ],
)
async def test_other_methods_are_told_which_there_are(path: str, allowed: str) -> None:
    async with door() as ask:
        asked = await ask("OPTIONS", path, key=None)
        assert (asked.status, asked.headers["allow"], asked.body) == (204, allowed, b"")
        for method in ({"GET", "POST", "PUT", "PATCH", "DELETE"} - {*allowed.split(", ")}) | {"TRACE", "BREW"}:
            refused = await ask(method, path, key=None)
            assert (refused.status, refused.code) == (405, "METHOD_NOT_ALLOWED")
            assert refused.headers["allow"] == allowed


async def test_a_slash_at_the_end_is_the_same_resource() -> None:
    async with door() as ask:
        made = await ask("POST", f"{BASE}/", {"scope": "tenant", "name": "A", "value": ""})
        assert made.status == 201
        assert (await ask("GET", f"{BASE}/{made.item['id']}/")).item == made.item
        assert (await ask("GET", f"{BASE}/")).json["data"] == [made.item]


async def test_head_answers_as_get_does() -> None:
    async with door() as ask:
        for path in (BASE, "/docs", "/openapi.json"):
            head, get = await ask("HEAD", path), await ask("GET", path)
            assert head.status == get.status == 200
            assert head.headers["content-length"] == get.headers["content-length"]
        assert (await ask("HEAD", ONE)).status == 404
        assert (await ask("HEAD", BASE, key=None)).status == 401


async def test_the_document_is_served_without_a_key() -> None:
    async with door() as ask:
        assert (await ask("GET", "/openapi.json", key=None)).json == document(frozenset({"LD_ALLOWED"}))


async def test_the_page_and_its_files_come_from_here_alone() -> None:
    async with door() as ask:
        page = await ask("GET", "/docs", key=None)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert policy.startswith("default-src 'none';")
        text = page.body.decode()
        assert not re.search(r"<script(?! src=\"/docs/)|<style|\son\w+=|https?:|//", text)
        files = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert len(files) == 4
        for path in files:
            answer = await ask("GET", path, key=None)
            assert answer.status == 200
            assert answer.body


async def test_the_page_is_set_up_to_ask_no_other_host() -> None:
    async with door() as ask:
        script = (await ask("GET", "/docs/init.js", key=None)).body.decode()
    assert json.dumps("/openapi.json") in script
    assert "validatorUrl: null" in script
    assert "http" not in script
