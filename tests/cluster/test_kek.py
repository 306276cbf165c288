"""The local KEK and the stored keyring on a real API server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes.aio.client import ApiClient

from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import KeyUnavailable
from runtimeenv.kek.local import LocalKek
from runtimeenv.kek.stored import StoredKeyring, open_keyring, wrap_keyring
from tests.kube.cluster import Cluster as RunningCluster
from tests.kube.cluster import KubectlFailed


@pytest.fixture
async def cluster(control_plane: RunningCluster) -> AsyncIterator[ApiCluster]:
    found = await access.configuration({"KUBECONFIG": str(control_plane.kubeconfig)})
    async with ApiClient(found) as api:
        yield ApiCluster(api)


@pytest.fixture
def namespace(control_plane: RunningCluster) -> Iterator[str]:
    name = f"kek-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


async def test_two_replicas_that_start_together_share_one_kek(cluster: ApiCluster, namespace: str) -> None:
    one, other = LocalKek(cluster, namespace), LocalKek(cluster, namespace)
    await asyncio.gather(one.create(), other.create())
    keyring = Keyring.generate()
    stored = StoredKeyring.parse((await wrap_keyring(keyring, one, "2026-11-24T16:00:00Z")).encode())
    assert repr(await open_keyring(stored, other)) == repr(keyring)


async def test_nobody_overwrites_a_kek_by_mistake(
    cluster: ApiCluster, control_plane: RunningCluster, namespace: str
) -> None:
    kek = LocalKek(cluster, namespace)
    await kek.create()
    with pytest.raises(KubectlFailed, match="immutable"):
        control_plane.kubectl("patch", "secret", "runtime-env-kek", "-n", namespace, "-p", '{"data":{"kek":"AAAA"}}')
    control_plane.kubectl("delete", "secret", "runtime-env-kek", "-n", namespace)
    with pytest.raises(KeyUnavailable, match="is missing: restore it from a backup"):
        await kek.status()
