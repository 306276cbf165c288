"""The client's verbs on a real API server."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes.aio.client import ApiClient

from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster, Query
from runtimeenv.cluster.kinds import CONFIG_MAPS, POD_METADATA, SECRET_METADATA, SECRETS
from runtimeenv.cluster.objects import ConfigMap, Secret
from runtimeenv.errors import Rejected
from tests.builders import namespace as namespace_manifest
from tests.builders import source_secret
from tests.fakes.contract import ClusterContract, config_map, first
from tests.kube import chart
from tests.kube.cluster import Cluster as RunningCluster


@pytest.fixture(scope="module")
def served(untended: RunningCluster) -> RunningCluster:
    chart.apply(untended, chart.of_kind(chart.rendered({}), "CustomResourceDefinition", "ClusterRole"))
    return untended


@pytest.fixture
async def cluster(served: RunningCluster) -> AsyncIterator[ApiCluster]:
    found = await access.configuration({"KUBECONFIG": str(served.kubeconfig)})
    async with ApiClient(found) as api:
        yield ApiCluster(api)


@pytest.fixture
def namespace(served: RunningCluster) -> Iterator[str]:
    name = f"client-{secrets.token_hex(4)}"
    served.apply(namespace_manifest(name, "t1", projects="blog, shop"))
    yield name
    served.kubectl("delete", "namespace", name, "--wait=false")


class TestApiCluster(ClusterContract):
    """The contract."""


async def test_a_refusal_echoes_nothing_that_was_sent(cluster: ApiCluster, namespace: str) -> None:
    with pytest.raises(Rejected) as caught:
        await cluster.replace(config_map(namespace, "x", **{"bad key": "canary"}), None)
    assert caught.value.status == 422
    assert "canary" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


async def test_metadata_alone_is_sent_where_only_it_is_read(cluster: ApiCluster, namespace: str) -> None:
    await cluster.replace(source_secret(f"{namespace}/s", {"k": "v"}), None)
    page = await cluster.list(SECRET_METADATA.read_as(Secret, partial=True), Query(namespace))
    assert [(item.metadata.name, item.data) for item in page.items if item.metadata.name == "s"] == [("s", {})]
    assert (await cluster.list(POD_METADATA, Query(namespace))).items == []


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
