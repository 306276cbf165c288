"""What every Cluster does: the real client, and the fake that stands in for it in unit tests."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from runtimeenv.cluster.kinds import CONFIG_MAPS, NAMESPACES, RUNTIME_ENV_VARS, SECRETS, Kind, Manifest, T
from runtimeenv.cluster.objects import Described
from runtimeenv.cluster.protocol import Cluster, Query, WatchEvent, pages
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_VERSION
from runtimeenv.core.patches import add
from runtimeenv.errors import Rejected, Stale
from tests.builders import source_secret, variable

SEALED = "renv1.xwing.0123456789abcdef.QUJD"


def config_map(namespace: str, name: str, **entries: str) -> Manifest:
    """A ConfigMap with the label ``part: test``."""
    metadata = {"namespace": namespace, "name": name, "labels": {"part": "test"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}


def status(of: Described, **fields: str) -> Manifest:
    """The status alone of a RuntimeEnvVar."""
    metadata = {"namespace": of.metadata.namespace, "name": of.metadata.name, "uid": of.metadata.uid}
    return {"apiVersion": API_VERSION, "kind": "RuntimeEnvVar", "metadata": metadata, "status": fields}


async def present(cluster: Cluster, kind: Kind[T], ref: Ref) -> T:
    """An object that must exist."""
    found = await cluster.get(kind, ref)
    assert found is not None
    return found


async def first(count: int, cluster: Cluster, kind: Kind[T], query: Query, since: str) -> list[WatchEvent[T]]:
    """The first changes of a watch, its bookmarks left out."""
    events: list[WatchEvent[T]] = []
    async with asyncio.timeout(30), aclosing(cluster.watch(kind, query, since)) as watch:
        async for event in watch:
            if event.object is not None:
                events.append(event)
            if len(events) == count:
                break
    return events


class ClusterContract:
    """Claims on the fixtures ``cluster`` and ``namespace``: an enrolled one (tenant t1, projects blog and shop)."""

    async def test_what_was_created_is_read_back(self, cluster: Cluster, namespace: str) -> None:
        version = await cluster.replace(config_map(namespace, "x", a="1"), None)
        found = await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))
        assert (found.data, found.metadata.resource_version) == ({"a": "1"}, version)
        assert found.metadata.uid
        assert found.metadata.creation_timestamp.endswith("Z")

    async def test_what_does_not_exist_is_none(self, cluster: Cluster, namespace: str) -> None:
        assert await cluster.get(SECRETS, Ref(namespace, "absent")) is None

    async def test_a_secret_is_decoded_and_its_repr_shows_no_value(self, cluster: Cluster, namespace: str) -> None:
        await cluster.replace(source_secret(f"{namespace}/s", {"k": b"\x00canary", "empty": ""}), None)
        found = await present(cluster, SECRETS, Ref(namespace, "s"))
        assert found.data == {"k": b"\x00canary", "empty": b""}
        assert "canary" not in repr(found)

    async def test_creating_what_exists_is_stale(self, cluster: Cluster, namespace: str) -> None:
        await cluster.replace(config_map(namespace, "x"), None)
        with pytest.raises(Stale):
            await cluster.replace(config_map(namespace, "x"), None)

    async def test_writing_over_an_older_version_is_stale(self, cluster: Cluster, namespace: str) -> None:
        first = await cluster.replace(config_map(namespace, "x", a="1"), None)
        second = await cluster.replace(config_map(namespace, "x", a="2"), first)
        assert int(second) > int(first)
        with pytest.raises(Stale):
            await cluster.replace(config_map(namespace, "x", a="3"), first)

    async def test_writing_over_what_is_gone_is_stale(self, cluster: Cluster, namespace: str) -> None:
        with pytest.raises(Stale):
            await cluster.replace(config_map(namespace, "gone"), "1")

    async def test_writing_whole_removes_foreign_entries(self, cluster: Cluster, namespace: str) -> None:
        version = await cluster.replace(config_map(namespace, "x", a="1", foreign="2"), None)
        await cluster.replace(config_map(namespace, "x", a="1"), version)
        assert (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).data == {"a": "1"}

    async def test_an_equal_write_keeps_the_version(self, cluster: Cluster, namespace: str) -> None:
        version = await cluster.replace(config_map(namespace, "x", a="1"), None)
        assert await cluster.replace(config_map(namespace, "x", a="1"), version) == version

    async def test_a_patch_merges(self, cluster: Cluster, namespace: str) -> None:
        await cluster.replace(config_map(namespace, "x", a="1", b="2"), None)
        await cluster.patch(CONFIG_MAPS, Ref(namespace, "x"), {"data": {"a": None, "c": "3"}})
        assert (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).data == {"b": "2", "c": "3"}

    async def test_a_list_of_operations_changes_members_whole(self, cluster: Cluster, namespace: str) -> None:
        version = await cluster.replace(config_map(namespace, "x", a="1", b="2"), None)
        ops = [add("/metadata/resourceVersion", version), add("/data", {"c": "3"})]
        written = await cluster.patch(CONFIG_MAPS, Ref(namespace, "x"), ops)
        found = await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))
        assert (found.data, found.metadata.resource_version) == ({"c": "3"}, written.version)

    async def test_operations_on_another_version_are_stale(self, cluster: Cluster, namespace: str) -> None:
        version = await cluster.replace(config_map(namespace, "x", a="1"), None)
        await cluster.replace(config_map(namespace, "x", a="2"), version)
        with pytest.raises(Stale):
            await cluster.patch(CONFIG_MAPS, Ref(namespace, "x"), [add("/metadata/resourceVersion", version)])

    async def test_a_patch_tells_the_generation_that_it_made(self, cluster: Cluster, namespace: str) -> None:
        await cluster.replace(variable(f"{namespace}/x", sealed=SEALED), None)
        written = await cluster.patch(RUNTIME_ENV_VARS, Ref(namespace, "x"), [add("/spec/enabled", False)])
        assert written.generation == 2

    async def test_deleting_at_another_version_is_stale(self, cluster: Cluster, namespace: str) -> None:
        version = await cluster.replace(config_map(namespace, "x", a="1"), None)
        uid = (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).metadata.uid
        await cluster.replace(config_map(namespace, "x", a="2"), version)
        with pytest.raises(Stale):
            await cluster.delete(CONFIG_MAPS, Ref(namespace, "x"), uid=uid, version=version)
        assert await cluster.get(CONFIG_MAPS, Ref(namespace, "x")) is not None

    async def test_a_status_is_written_whole_and_alone(self, cluster: Cluster, namespace: str) -> None:
        manifest = variable(f"{namespace}/x", sealed=SEALED)
        await cluster.replace(manifest, None)
        created = await present(cluster, RUNTIME_ENV_VARS, Ref(namespace, "x"))
        first = await cluster.replace_status(status(created, preview="***"), created.metadata.resource_version)
        second = await cluster.replace_status(status(created, tenantId="t1"), first)
        found = await present(cluster, RUNTIME_ENV_VARS, Ref(namespace, "x"))
        assert (found.status, found.metadata.resource_version) == ({"tenantId": "t1"}, second)
        assert (found.spec, found.metadata.generation) == (created.spec, 1)

    async def test_a_status_of_another_object_or_version_is_stale(self, cluster: Cluster, namespace: str) -> None:
        await cluster.replace(variable(f"{namespace}/x", sealed=SEALED), None)
        created = await present(cluster, RUNTIME_ENV_VARS, Ref(namespace, "x"))
        first = created.metadata.resource_version
        second = await cluster.replace_status(status(created, preview="***"), first)
        other = msgspec.structs.replace(created.metadata, uid="00000000-0000-0000-0000-000000000000")
        gone = msgspec.structs.replace(created.metadata, name="gone")
        for meta, version in ((created.metadata, first), (other, second), (gone, second)):
            whose = msgspec.structs.replace(created, metadata=meta)
            with pytest.raises(Stale):
                await cluster.replace_status(status(whose, preview="!"), version)

    async def test_patching_what_is_gone_is_rejected_as_404(self, cluster: Cluster, namespace: str) -> None:
        with pytest.raises(Rejected) as caught:
            await cluster.patch(CONFIG_MAPS, Ref(namespace, "gone"), {"data": {}})
        assert caught.value.status == 404

    async def test_deleting_takes_only_the_object_of_that_uid(self, cluster: Cluster, namespace: str) -> None:
        ref = Ref(namespace, "x")
        await cluster.replace(config_map(namespace, "x"), None)
        await cluster.delete(CONFIG_MAPS, ref, uid="another")
        uid = (await present(cluster, CONFIG_MAPS, ref)).metadata.uid
        await cluster.delete(CONFIG_MAPS, ref, uid=uid)
        assert await cluster.get(CONFIG_MAPS, ref) is None
        await cluster.delete(CONFIG_MAPS, ref, uid=uid)

    async def test_a_list_comes_in_pages_of_one_version(self, cluster: Cluster, namespace: str) -> None:
        for n in range(5):
            await cluster.replace(config_map(namespace, f"x{n}"), None)
        found = [page async for page in pages(cluster, CONFIG_MAPS, Query(namespace, labels="part=test", limit=2))]
        assert [len(page.items) for page in found] == [2, 2, 1]
        assert len({page.version for page in found}) == 1

    async def test_selectors_narrow_a_list(self, cluster: Cluster, namespace: str) -> None:
        await cluster.replace(config_map(namespace, "x"), None)
        await cluster.replace(config_map(namespace, "y"), None)
        by_field = await cluster.list(CONFIG_MAPS, Query(namespace, fields="metadata.name=y"))
        by_label = await cluster.list(CONFIG_MAPS, Query(namespace, labels="part,part!=test"))
        assert [item.metadata.name for item in by_field.items] == ["y"]
        assert not by_label.items

    async def test_a_namespace_is_read_with_labels_and_annotations(self, cluster: Cluster, namespace: str) -> None:
        found = await present(cluster, NAMESPACES, Ref("", namespace))
        assert found.metadata.labels["runtime.miosa.ai/tenant"] == "t1"
        assert found.metadata.annotations["runtime.miosa.ai/projects"] == "blog, shop"

    async def test_a_watch_tells_what_happens_in_order(self, cluster: Cluster, namespace: str) -> None:
        since = (await cluster.list(CONFIG_MAPS, Query(namespace))).version
        version = await cluster.replace(config_map(namespace, "x", a="1"), None)
        await cluster.replace(config_map(namespace, "x", a="2"), version)
        uid = (await present(cluster, CONFIG_MAPS, Ref(namespace, "x"))).metadata.uid
        await cluster.delete(CONFIG_MAPS, Ref(namespace, "x"), uid=uid)
        events = await first(3, cluster, CONFIG_MAPS, Query(namespace, labels="part=test"), since)
        assert [event.change for event in events] == ["ADDED", "MODIFIED", "DELETED"]
        versions = [int(event.version) for event in events]
        assert versions == sorted(set(versions))
