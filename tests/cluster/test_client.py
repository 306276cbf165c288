"""The client's verbs on a real API server."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
from kubernetes.aio.client import ApiClient

from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster, Query, WatchEvent, pages
from runtimeenv.cluster.kinds import CONFIG_MAPS, NAMESPACES, POD_METADATA, SECRET_METADATA, SECRETS, Kind, Manifest, T
from runtimeenv.cluster.objects import ConfigMap, Secret
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Rejected, Stale
from tests.builders import namespace as namespace_manifest
from tests.builders import source_secret
from tests.kube.cluster import Cluster as RunningCluster


@pytest.fixture
async def cluster(control_plane: RunningCluster) -> AsyncIterator[ApiCluster]:
    found = await access.configuration({"KUBECONFIG": str(control_plane.kubeconfig)})
    async with ApiClient(found) as api:
        yield ApiCluster(api)


@pytest.fixture
def namespace(control_plane: RunningCluster) -> Iterator[str]:
    name = f"client-{secrets.token_hex(4)}"
    control_plane.apply(namespace_manifest(name, "t1", projects="blog, shop"))
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def config_map(namespace: str, name: str, **entries: str) -> Manifest:
    metadata = {"namespace": namespace, "name": name, "labels": {"part": "test"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}


async def present(cluster: ApiCluster, kind: Kind[T], ref: Ref) -> T:
    found = await cluster.get(kind, ref)
    assert found is not None
    return found


async def test_what_was_created_is_read_back(cluster: ApiCluster, namespace: str) -> None:
    version = await cluster.replace(config_map(namespace, "x", a="1"), None)
    found = await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))
    assert (found.data, found.metadata.resource_version) == ({"a": "1"}, version)
    assert found.metadata.labels == {"part": "test"}
    assert found.metadata.uid
    assert found.metadata.creation_timestamp.endswith("Z")


async def test_what_does_not_exist_is_none(cluster: ApiCluster, namespace: str) -> None:
    assert await cluster.get(SECRETS, Ref(namespace, "absent")) is None


async def test_a_secret_is_decoded_and_its_repr_shows_no_value(cluster: ApiCluster, namespace: str) -> None:
    await cluster.replace(source_secret(f"{namespace}/s", {"k": b"\x00canary", "empty": ""}), None)
    found = await present(cluster, SECRETS, Ref(namespace, "s"))
    assert found.data == {"k": b"\x00canary", "empty": b""}
    assert "canary" not in repr(found)


async def test_creating_what_exists_is_stale(cluster: ApiCluster, namespace: str) -> None:
    await cluster.replace(config_map(namespace, "x"), None)
    with pytest.raises(Stale):
        await cluster.replace(config_map(namespace, "x"), None)


async def test_writing_over_an_older_version_is_stale(cluster: ApiCluster, namespace: str) -> None:
    first = await cluster.replace(config_map(namespace, "x", a="1"), None)
    second = await cluster.replace(config_map(namespace, "x", a="2"), first)
    assert int(second) > int(first)
    with pytest.raises(Stale):
        await cluster.replace(config_map(namespace, "x", a="3"), first)


async def test_writing_over_what_is_gone_is_stale(cluster: ApiCluster, namespace: str) -> None:
    with pytest.raises(Stale):
        await cluster.replace(config_map(namespace, "gone"), "1")


async def test_writing_whole_removes_foreign_entries(cluster: ApiCluster, namespace: str) -> None:
    version = await cluster.replace(config_map(namespace, "x", a="1", foreign="2"), None)
    await cluster.replace(config_map(namespace, "x", a="1"), version)
    assert (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).data == {"a": "1"}


async def test_an_equal_write_keeps_the_version(cluster: ApiCluster, namespace: str) -> None:
    version = await cluster.replace(config_map(namespace, "x", a="1"), None)
    assert await cluster.replace(config_map(namespace, "x", a="1"), version) == version


async def test_a_patch_merges(cluster: ApiCluster, namespace: str) -> None:
    await cluster.replace(config_map(namespace, "x", a="1", b="2"), None)
    await cluster.patch(CONFIG_MAPS, Ref(namespace, "x"), {"data": {"a": None, "c": "3"}})
    assert (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).data == {"b": "2", "c": "3"}


async def test_patching_what_is_gone_is_rejected_as_404(cluster: ApiCluster, namespace: str) -> None:
    with pytest.raises(Rejected) as caught:
        await cluster.patch(CONFIG_MAPS, Ref(namespace, "gone"), {"data": {}})
    assert caught.value.status == 404


async def test_a_refusal_echoes_nothing_that_was_sent(cluster: ApiCluster, namespace: str) -> None:
    with pytest.raises(Rejected) as caught:
        await cluster.replace(config_map(namespace, "x", **{"bad key": "canary"}), None)
    assert caught.value.status == 422
    assert "canary" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


async def test_deleting_takes_only_the_object_of_that_uid(cluster: ApiCluster, namespace: str) -> None:
    ref = Ref(namespace, "x")
    await cluster.replace(config_map(namespace, "x"), None)
    await cluster.delete(CONFIG_MAPS, ref, uid="another")
    uid = (await present(cluster, CONFIG_MAPS, ref)).metadata.uid
    await cluster.delete(CONFIG_MAPS, ref, uid=uid)
    assert await cluster.get(CONFIG_MAPS, ref) is None
    await cluster.delete(CONFIG_MAPS, ref, uid=uid)


async def test_a_list_comes_in_pages_of_one_version(cluster: ApiCluster, namespace: str) -> None:
    for n in range(5):
        await cluster.replace(config_map(namespace, f"x{n}"), None)
    found = [page async for page in pages(cluster, CONFIG_MAPS, Query(namespace, labels="part=test", limit=2))]
    assert [len(page.items) for page in found] == [2, 2, 1]
    assert len({page.version for page in found}) == 1


async def test_selectors_narrow_a_list(cluster: ApiCluster, namespace: str) -> None:
    await cluster.replace(config_map(namespace, "x"), None)
    await cluster.replace(config_map(namespace, "y"), None)
    by_field = await cluster.list(CONFIG_MAPS, Query(namespace, fields="metadata.name=y"))
    by_label = await cluster.list(CONFIG_MAPS, Query(namespace, labels="part,part!=test"))
    assert [item.metadata.name for item in by_field.items] == ["y"]
    assert not by_label.items


async def test_metadata_alone_is_sent_where_only_it_is_read(cluster: ApiCluster, namespace: str) -> None:
    await cluster.replace(source_secret(f"{namespace}/s", {"k": "v"}), None)
    page = await cluster.list(SECRET_METADATA.read_as(Secret, partial=True), Query(namespace))
    assert [(item.metadata.name, item.data) for item in page.items if item.metadata.name == "s"] == [("s", {})]
    assert (await cluster.list(POD_METADATA, Query(namespace))).items == []


async def test_a_namespace_is_read_with_labels_and_annotations(cluster: ApiCluster, namespace: str) -> None:
    found = await present(cluster, NAMESPACES, Ref("", namespace))
    assert found.metadata.labels["runtime.miosa.ai/tenant"] == "t1"
    assert found.metadata.annotations["runtime.miosa.ai/projects"] == "blog, shop"


async def test_a_watch_tells_what_happens_in_order(cluster: ApiCluster, namespace: str) -> None:
    since = (await cluster.list(CONFIG_MAPS, Query(namespace))).version
    version = await cluster.replace(config_map(namespace, "x", a="1"), None)
    await cluster.replace(config_map(namespace, "x", a="2"), version)
    uid = (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).metadata.uid
    await cluster.delete(CONFIG_MAPS, Ref(namespace, "x"), uid=uid)
    events = await first(3, cluster, CONFIG_MAPS, Query(namespace, labels="part=test"), since)
    assert [event.change for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event.version) for event in events]
    assert versions == sorted(set(versions))


async def test_a_watch_takes_lines_of_any_length(cluster: ApiCluster, namespace: str) -> None:
    since = (await cluster.list(CONFIG_MAPS, Query(namespace))).version
    large = base64.b64encode(secrets.token_bytes(700_000)).decode()
    await cluster.replace(config_map(namespace, "large", a=large), None)
    [event] = await first(1, cluster, CONFIG_MAPS, Query(namespace, labels="part=test"), since)
    assert isinstance(event.object, ConfigMap)
    assert event.object.data == {"a": large}


async def test_a_watch_of_metadata_tells_no_values(cluster: ApiCluster, namespace: str) -> None:
    since = (await cluster.list(SECRET_METADATA, Query(namespace))).version
    await cluster.replace(source_secret(f"{namespace}/s", {"k": "v"}), None)
    kind = SECRETS.read_as(Secret, partial=True)
    [event] = await first(1, cluster, kind, Query(namespace, labels="runtime.miosa.ai/source"), since)
    assert event.object is not None
    assert event.object.data == {}


async def first(count: int, cluster: ApiCluster, kind: Kind[T], query: Query, since: str) -> list[WatchEvent[T]]:
    events: list[WatchEvent[T]] = []
    async with asyncio.timeout(30), aclosing(cluster.watch(kind, query, since)) as watch:
        async for event in watch:
            events.append(event)
            if len(events) == count:
                break
    return events
