"""What the client makes of a server's answers: those that a healthy API server seldom gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient, Configuration

from runtimeenv.cluster import client
from runtimeenv.cluster.client import ApiCluster, Query, WatchEvent, lines
from runtimeenv.cluster.kinds import CONFIG_MAPS, RUNTIME_ENV_VARS
from runtimeenv.cluster.objects import ConfigMap
from runtimeenv.core.identity import Ref
from runtimeenv.errors import ClusterError, Expired, Rejected, Stale, Unavailable

REF = Ref("acme", "x")
CANARY = "sk-canary"
MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "acme", "name": "x"}}
ADDED = b'{"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":"7"},"data":{"k":"v"}}}\n'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answers:
    """A server that answers everything alike, and remembers the last request."""

    def __init__(self) -> None:
        self.last: web.Request | None = None
        self._answer: Handler = self._silence

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.last = request
        return await self._answer(request)

    def say(self, status: int, body: str = f'{{"message": "{CANARY}"}}') -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text=body, content_type="application/json")

        self._answer = answer

    def stream(self, *pieces: bytes, then_hang: bool = False) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
            return await self._silence(request) if then_hang else response

        self._answer = answer

    async def _silence(self, _: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def cluster(answers: Answers) -> AsyncIterator[ApiCluster]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers.handle)
    async with TestServer(app) as server:
        configuration = Configuration(host=str(server.make_url("")).rstrip("/"), api_key={"BearerToken": "Bearer t"})
        async with ApiClient(configuration) as api:
            yield ApiCluster(api)
        await server.close()


async def watched(cluster: ApiCluster) -> list[WatchEvent[ConfigMap]]:
    return [event async for event in cluster.watch(CONFIG_MAPS, Query("acme"), "1")]


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Rejected),
        (401, Rejected),
        (403, Rejected),
        (404, Rejected),
        (409, Stale),
        (410, Expired),
        (422, Rejected),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
async def test_each_status_is_one_failure(
    cluster: ApiCluster, answers: Answers, status: int, failure: type[ClusterError]
) -> None:
    answers.say(status)
    with pytest.raises(ClusterError) as caught:
        await cluster.list(CONFIG_MAPS, Query())
    assert type(caught.value) is failure
    assert caught.value.status == status
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "body", ["<html>sk-canary</html>", "{}", '{"items": 1}', '{"items":[{"metadata":{"name":1}}]}']
)
async def test_an_unreadable_answer_is_unavailable_and_not_shown(
    cluster: ApiCluster, answers: Answers, body: str
) -> None:
    answers.say(200, body)
    with pytest.raises(Unavailable, match="list configmaps: unreadable answer") as caught:
        await cluster.list(CONFIG_MAPS, Query())
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_an_empty_list_may_be_null(cluster: ApiCluster, answers: Answers) -> None:
    answers.say(200, '{"metadata": {"resourceVersion": "5"}, "items": null}')
    page = await cluster.list(CONFIG_MAPS, Query())
    assert (page.items, page.version, page.next) == ([], "5", "")


async def test_one_object_nested_ever_so_deeply_hides_no_other(cluster: ApiCluster, answers: Answers) -> None:
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    told = b'{"metadata":{"name":"x","resourceVersion":"7","managedFields":[%b]},"spec":{"metadata":%b}}' % (deep, deep)
    both = b'{"metadata":{"resourceVersion":"9"},"items":[%b,{"metadata":{"name":"y"}}]}' % told
    answers.say(200, both.decode())
    assert [v.metadata.name for v in (await cluster.list(RUNTIME_ENV_VARS, Query())).items] == ["x", "y"]
    answers.stream(b'{"type":"ADDED","object":%b}\n' % told)
    [event] = [event async for event in cluster.watch(RUNTIME_ENV_VARS, Query(), "1")]
    assert (event.change, event.version) == ("ADDED", "7")


async def test_a_server_that_does_not_answer_in_time_is_unavailable(
    cluster: ApiCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LIST", aiohttp.ClientTimeout(total=0.05))
    with pytest.raises(Unavailable, match="list configmaps: no answer"):
        await cluster.list(CONFIG_MAPS, Query())


async def test_a_server_that_is_away_is_unavailable() -> None:
    async with ApiClient(Configuration(host="http://127.0.0.1:1")) as api:
        with pytest.raises(Unavailable, match="get configmaps acme/x: no answer"):
            await ApiCluster(api).get(CONFIG_MAPS, REF)


async def test_every_request_is_counted_with_its_status_or_0_without_an_answer() -> None:
    counted: list[tuple[str, int]] = []
    async with ApiClient(Configuration(host="http://127.0.0.1:1")) as api:
        with pytest.raises(Unavailable):
            await ApiCluster(api, lambda *found: counted.append(found)).get(CONFIG_MAPS, REF)
    assert counted == [("GET", 0)]


async def test_a_request_says_who_asks_and_wants_no_values_back(cluster: ApiCluster, answers: Answers) -> None:
    answers.say(200, '{"metadata": {"resourceVersion": "9"}}')
    assert await cluster.replace(MANIFEST, None) == "9"
    assert answers.last is not None
    assert answers.last.headers["Authorization"] == "Bearer t"
    assert answers.last.headers["User-Agent"].startswith("runtime-env/")
    assert "PartialObjectMetadata" in answers.last.headers["Accept"]


async def test_a_watch_ends_when_the_server_ends_it(cluster: ApiCluster, answers: Answers) -> None:
    answers.stream(ADDED[:20], ADDED[20:], ADDED[:20])
    [event] = await watched(cluster)
    assert (event.change, event.version) == ("ADDED", "7")
    assert event.object is not None
    assert event.object.data == {"k": "v"}


async def test_a_bookmark_has_a_version_and_no_object(cluster: ApiCluster, answers: Answers) -> None:
    answers.stream(b'{"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"12"}}}\n')
    assert await watched(cluster) == [WatchEvent("BOOKMARK", "12", None)]


@pytest.mark.parametrize(("code", "failure"), [(410, Expired), (500, Unavailable), (403, Rejected), (0, Rejected)])
async def test_an_error_told_by_a_watch_is_the_failure_of_its_code(
    cluster: ApiCluster, answers: Answers, code: int, failure: type[ClusterError]
) -> None:
    answers.stream(b'{"type":"ERROR","object":{"kind":"Status","code":%d,"message":"%s"}}\n' % (code, CANARY.encode()))
    with pytest.raises(failure) as caught:
        await watched(cluster)
    assert CANARY not in str(caught.value)


async def test_a_watch_that_is_refused_is_the_failure_of_its_status(cluster: ApiCluster, answers: Answers) -> None:
    answers.say(410)
    with pytest.raises(Expired):
        await watched(cluster)


async def test_a_watch_without_a_sign_of_life_is_unavailable(
    cluster: ApiCluster, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SILENCE", 0.05)
    answers.stream(ADDED, then_hang=True)
    with pytest.raises(Unavailable, match="watch configmaps: no answer"):
        await watched(cluster)


async def test_a_watch_asks_for_bookmarks_and_an_end(cluster: ApiCluster, answers: Answers) -> None:
    answers.stream()
    await watched(cluster)
    assert answers.last is not None
    query = answers.last.query
    assert (query["watch"], query["allowWatchBookmarks"], query["resourceVersion"]) == ("true", "true", "1")
    assert 240 <= int(query["timeoutSeconds"]) <= 480
    assert "labelSelector" not in query


@given(st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_are_the_same_however_the_stream_is_cut(whole: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    async def arriving() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def read() -> list[bytes]:
        return [line async for line in lines(arriving())]

    assert asyncio.run(read()) == whole
