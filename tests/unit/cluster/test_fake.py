"""The fake keeps the contract that the real client keeps on a real API server."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import CONFIG_MAPS, RUNTIME_ENV_VARS
from runtimeenv.core.identity import Ref
from tests.builders import namespace as namespace_manifest
from tests.builders import variable
from tests.fakes.cluster import Call, FakeCluster
from tests.fakes.contract import ClusterContract, config_map

ENROLLED = namespace_manifest("acme", "t1", projects="blog, shop")


@pytest.fixture
def namespace() -> str:
    return "acme"


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(ENROLLED)


class TestFakeCluster(ClusterContract):
    """The contract."""


async def test_a_status_is_written_by_its_subresource_alone(cluster: FakeCluster) -> None:
    cluster.apply(variable("acme/x"))
    status = {"status": {"preview": "***"}}
    await cluster.patch(RUNTIME_ENV_VARS, Ref("acme", "x"), {**status, "spec": {"name": "Y"}}, subresource="status")
    await cluster.patch(RUNTIME_ENV_VARS, Ref("acme", "x"), {"status": {"preview": "changed"}})
    found = cluster.read(RUNTIME_ENV_VARS, Ref("acme", "x"))
    assert (found["status"], found["spec"]["name"]) == ({"preview": "***"}, "TOKEN")


async def test_only_a_changed_spec_is_a_new_generation(cluster: FakeCluster) -> None:
    cluster.apply(variable("acme/x"))
    await cluster.patch(RUNTIME_ENV_VARS, Ref("acme", "x"), {"status": {"preview": "***"}}, subresource="status")
    assert cluster.read(RUNTIME_ENV_VARS, Ref("acme", "x"))["metadata"]["generation"] == 1
    cluster.apply(variable("acme/x", enabled=False))
    assert cluster.read(RUNTIME_ENV_VARS, Ref("acme", "x"))["metadata"]["generation"] == 2


async def test_calls_are_recorded_and_users_are_not(cluster: FakeCluster) -> None:
    await cluster.replace(config_map("acme", "x"), None)
    cluster.apply(config_map("acme", "y"))
    assert cluster.calls == [Call("create", "configmaps", Ref("acme", "x"))]
    assert cluster.writes(CONFIG_MAPS) == cluster.calls
    assert not cluster.writes(RUNTIME_ENV_VARS)


async def test_what_owners_left_is_collected(cluster: FakeCluster) -> None:
    owner = cluster.apply(config_map("acme", "owner"))["metadata"]
    owned = dict(config_map("acme", "owned"))
    references = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}]
    owned["metadata"] = {**owned["metadata"], "ownerReferences": references}
    cluster.apply(owned)
    cluster.store.collect_garbage()
    assert cluster.store.get(CONFIG_MAPS, Ref("acme", "owned"))
    cluster.remove(CONFIG_MAPS, Ref("acme", "owner"))
    cluster.store.collect_garbage()
    assert cluster.store.get(CONFIG_MAPS, Ref("acme", "owned")) is None
