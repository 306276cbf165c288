"""A mirror of one kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from runtimeenv.cluster.kinds import CONFIG_MAPS, SECRETS
from runtimeenv.cluster.objects import ConfigMap, Secret, without_content
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import LONGEST_DELAY, Reflector, backoff
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Expired, Unavailable
from tests.builders import source_secret
from tests.fakes.cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

AWAY = Unavailable(0, "away")


def config_map(name: str, value: str = "", **labels: str) -> dict[str, Any]:
    metadata = {"namespace": "acme", "name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


def ref(name: str) -> Ref:
    return Ref("acme", name)


class Mirror:
    """A Reflector with what it announced, as ``+new``, ``~changed`` and ``-gone`` names."""

    def __init__(self, cluster: FakeCluster, query: Query) -> None:
        self.told: list[str] = []
        self.reflector = Reflector(cluster, CONFIG_MAPS, query, self._put, self._remove)

    def _put(self, new: ConfigMap, old: ConfigMap | None) -> None:
        self.told.append(("+" if old is None else "~") + new.metadata.name)

    def _remove(self, last: ConfigMap) -> None:
        self.told.append("-" + last.metadata.name)

    @property
    def state(self) -> dict[str, str]:
        return {ref.name: item.data["value"] for ref, item in self.reflector.objects.items()}


async def settle() -> None:
    """Long enough for any relist, in virtual time."""
    await asyncio.sleep(LONGEST_DELAY * 4)


@asynccontextmanager
async def mirror(cluster: FakeCluster, query: Query | None = None) -> AsyncIterator[Mirror]:
    made = Mirror(cluster, query or Query())
    running = asyncio.create_task(made.reflector.run())
    try:
        await made.reflector.synced.wait()
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextmanager
def unwatched(cluster: FakeCluster) -> Iterator[None]:
    """What happens inside is never told: the watch is told to list again."""
    with cluster.faults.events_delayed():
        yield
        cluster.forget_history()


async def test_what_exists_is_announced_before_synced_and_page_by_page() -> None:
    cluster = FakeCluster(*(config_map(name) for name in "abcde"), page_limit=2)
    async with mirror(cluster) as seen:
        assert seen.told == ["+a", "+b", "+c", "+d", "+e"]
        assert [call.verb for call in cluster.calls[:4]] == ["list", "list", "list", "watch"]


async def test_an_empty_kind_is_synced_too() -> None:
    async with mirror(FakeCluster()) as seen:
        assert not seen.reflector.objects


async def test_changes_are_announced_as_they_happen() -> None:
    cluster = FakeCluster(config_map("a", "1"))
    async with mirror(cluster) as seen:
        cluster.apply(config_map("b", "1"))
        cluster.apply(config_map("a", "2"))
        cluster.remove(CONFIG_MAPS, ref("b"))
        await settle()
        assert seen.told == ["+a", "+b", "~a", "-b"]
        assert seen.state == {"a": "2"}


async def test_events_told_twice_are_announced_once() -> None:
    cluster = FakeCluster()
    cluster.faults.repeat = 3
    async with mirror(cluster) as seen:
        cluster.apply(config_map("a", "1"))
        cluster.remove(CONFIG_MAPS, ref("a"))
        await settle()
        assert seen.told == ["+a", "-a"]


async def test_a_gap_is_closed_by_comparing() -> None:
    cluster = FakeCluster(config_map("same"), config_map("changed", "1"), config_map("gone"))
    async with mirror(cluster) as seen:
        seen.told.clear()
        with unwatched(cluster):
            cluster.apply(config_map("changed", "2"))
            cluster.apply(config_map("new"))
            cluster.remove(CONFIG_MAPS, ref("gone"))
            cluster.apply(config_map("brief"))
            cluster.remove(CONFIG_MAPS, ref("brief"))
        await settle()
        assert sorted(seen.told) == ["+new", "-gone", "~changed"]


async def test_an_object_made_anew_in_a_gap_is_removed_then_put() -> None:
    cluster = FakeCluster(config_map("a", "1"))
    async with mirror(cluster) as seen:
        with unwatched(cluster):
            cluster.remove(CONFIG_MAPS, ref("a"))
            cluster.apply(config_map("a", "1"))
        await settle()
        assert seen.told == ["+a", "-a", "+a"]


async def test_a_broken_watch_loses_nothing() -> None:
    cluster = FakeCluster(config_map("a", "1"))
    async with mirror(cluster) as seen:
        cluster.cut_watches()
        cluster.apply(config_map("a", "2"))
        await settle()
        assert seen.told == ["+a", "~a"]


async def test_an_object_that_leaves_the_selection_is_removed() -> None:
    cluster = FakeCluster(config_map("a", source="true"), config_map("b"))
    async with mirror(cluster, Query(labels="source=true")) as seen:
        cluster.apply(config_map("a", "2"))
        cluster.apply(config_map("b", source="true"))
        await settle()
        assert seen.told == ["+a", "-a", "+b"]


async def test_a_failing_server_is_asked_again_ever_more_rarely() -> None:
    cluster = FakeCluster(config_map("a"))
    cluster.faults.fail(AWAY, times=20, verb="list")
    async with mirror(cluster) as seen:
        assert seen.told == ["+a"]
        assert asyncio.get_running_loop().time() > 10 * LONGEST_DELAY / 2


async def test_a_list_that_expires_between_pages_is_begun_again() -> None:
    cluster = FakeCluster(*(config_map(name) for name in "abc"), page_limit=2)
    cluster.faults.fail(Expired(410, "list"), verb="list", after=1)
    async with mirror(cluster) as seen:
        assert seen.told == ["+a", "+b", "+c"]


async def test_until_the_first_list_is_whole_nothing_is_synced() -> None:
    cluster = FakeCluster(*(config_map(name) for name in "abc"), page_limit=2)
    seen = Mirror(cluster, Query())
    cluster.faults.fail(AWAY, times=1000, verb="list", after=1)
    running = asyncio.create_task(seen.reflector.run())
    await settle()
    assert seen.told == ["+a", "+b"]
    assert not seen.reflector.synced.is_set()
    running.cancel()


async def test_a_fault_of_the_listener_ends_the_mirror() -> None:
    def refuse(*_: object) -> None:
        raise ZeroDivisionError

    reflector = Reflector(FakeCluster(config_map("a")), CONFIG_MAPS, Query(), refuse, refuse)
    with pytest.raises(ZeroDivisionError):
        await reflector.run()


async def test_what_is_kept_may_be_less_than_what_is_announced() -> None:
    told: list[tuple[Secret, Secret | None]] = []
    cluster = FakeCluster(source_secret("acme/s", {"k": "1"}))
    reflector = Reflector(
        cluster, SECRETS, Query(), lambda *put: told.append(put), lambda _: None, keep=without_content
    )
    running = asyncio.create_task(reflector.run())
    await settle()
    cluster.apply(source_secret("acme/s", {"k": "2"}))
    await settle()
    running.cancel()
    assert [(new.data, old and old.data) for new, old in told] == [({"k": b"1"}, None), ({"k": b"2"}, {})]
    assert reflector.objects[ref("s")].data == {}


async def test_bookmarks_move_the_version_on() -> None:
    cluster = FakeCluster()
    async with mirror(cluster) as seen:
        other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "acme", "name": "s"}}
        before = int(seen.reflector.version)
        cluster.apply(other)
        await settle()
        assert int(seen.reflector.version) == before + 1


@pytest.mark.parametrize("failures", [1, 2, 7, 10**6])
def test_the_back_off_grows_to_its_limit(failures: int) -> None:
    longest = min(2.0 ** min(failures - 2, 10), LONGEST_DELAY)
    assert longest / 2 <= backoff(failures) <= longest
