"""A body is read as far as its limit, and only if it says that it is JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request

from runtimeenv.api.bodies import BODY_LIMIT, TooLarge, UnsupportedMediaType, read_object

JSON = ("content-type", "application/json")


class Upload:
    """A request whose body comes in chunks; counts those that were asked for."""

    def __init__(self, chunks: Sequence[bytes], *headers: tuple[str, str]) -> None:
        self._chunks = [*chunks]
        self.taken = 0
        encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers]
        self.request = Request({"type": "http", "method": "POST", "headers": encoded}, self._receive)

    async def _receive(self) -> dict[str, Any]:
        chunk = self._chunks[self.taken]
        self.taken += 1
        return {"type": "http.request", "body": chunk, "more_body": self.taken < len(self._chunks)}

    async def read(self) -> dict[str, Any]:
        return await read_object(self.request)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json ; Charset = "UTF-8"',
        "application/json;",
    ],
)
async def test_json_in_utf_8_is_read(media_type: str) -> None:
    assert await Upload([b'{"a":', b'"b"}'], ("content-type", media_type)).read() == {"a": "b"}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "")],
        [("content-type", "text/plain")],
        [("content-type", "application/jsonx")],
        [("content-type", "application/merge-patch+json")],
        [("content-type", "application/json; charset=latin-1")],
        [("content-type", "application/json; profile=x")],
        [("content-type", "application/json, text/plain")],
        [JSON, JSON],
        [JSON, ("content-encoding", "gzip")],
    ],
)
async def test_any_other_media_type_is_refused_unread(headers: list[tuple[str, str]]) -> None:
    upload = Upload([b"{}"], *headers)
    with pytest.raises(UnsupportedMediaType):
        await upload.read()
    assert upload.taken == 0


@pytest.mark.parametrize("length", [str(BODY_LIMIT + 1), "9" * 5000])
async def test_a_body_that_announces_itself_too_large_is_refused_unread(length: str) -> None:
    upload = Upload([b"{}"], JSON, ("content-length", length))
    with pytest.raises(TooLarge):
        await upload.read()
    assert upload.taken == 0


@pytest.mark.parametrize("announced", [[], [("content-length", "2")]])
async def test_a_body_that_turns_out_too_large_is_not_read_to_its_end(announced: list[tuple[str, str]]) -> None:
    upload = Upload([b" " * 100_000] * 100, JSON, *announced)
    with pytest.raises(TooLarge):
        await upload.read()
    assert upload.taken == 3


async def test_a_body_may_reach_the_limit() -> None:
    body = b'{"a":"%b"}' % (b"x" * (BODY_LIMIT - 8))
    assert len(body) == BODY_LIMIT
    assert len((await Upload([body], JSON, ("content-length", str(BODY_LIMIT))).read())["a"]) == BODY_LIMIT - 8
