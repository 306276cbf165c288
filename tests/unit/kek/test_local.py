from __future__ import annotations

import base64

import pytest

from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.core.identity import Ref
from runtimeenv.errors import KeyUnavailable, Rejected, Stale, Unavailable
from runtimeenv.kek.local import LocalKek
from runtimeenv.kek.provider import KekProvider
from tests.fakes.cluster import FakeCluster

REF = Ref("runtime-env-system", "runtime-env-kek")
KEY = bytes(range(32))


def _secret(kek: bytes) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": REF.name, "namespace": REF.namespace},
        "data": {"kek": base64.b64encode(kek).decode()},
    }


async def test_a_made_kek_wraps_and_unwraps() -> None:
    provider: KekProvider = await _made(FakeCluster())
    wrapped = await provider.wrap(KEY, b"context")
    assert await provider.unwrap(wrapped, b"context") == KEY
    assert wrapped.kek == (await provider.status()).kek


async def _made(cluster: FakeCluster) -> LocalKek:
    provider = LocalKek(cluster, REF.namespace)
    await provider.create()
    return provider


async def test_a_kek_that_exists_is_kept() -> None:
    cluster = FakeCluster()
    first = await (await _made(cluster)).status()
    assert await (await _made(cluster)).status() == first


async def test_a_kek_is_random_immutable_and_of_32_bytes() -> None:
    cluster = FakeCluster()
    await _made(cluster)
    stored = cluster.store.get(SECRETS, REF)
    assert stored is not None
    assert stored["immutable"] is True
    assert stored["type"] == "Opaque"
    assert len(base64.b64decode(stored["data"]["kek"])) == 32
    other = FakeCluster()
    await _made(other)
    assert (other.store.get(SECRETS, REF) or {})["data"] != stored["data"]


async def test_the_wrapped_key_belongs_to_its_context() -> None:
    provider = await _made(FakeCluster())
    wrapped = await provider.wrap(KEY, b"context")
    with pytest.raises(KeyUnavailable, match="does not open a key"):
        await provider.unwrap(wrapped, b"another")


async def test_another_kek_is_told_with_the_mend() -> None:
    wrapped = await (await _made(FakeCluster())).wrap(KEY, b"context")
    with pytest.raises(KeyUnavailable, match="restore the Secret and the keyring from the same backup"):
        await (await _made(FakeCluster())).unwrap(wrapped, b"context")


@pytest.mark.parametrize("kek", [b"", b"short", bytes(33)])
async def test_a_kek_of_another_size_is_unavailable(kek: bytes) -> None:
    provider = LocalKek(FakeCluster(_secret(kek)), REF.namespace)
    with pytest.raises(KeyUnavailable, match="holds no kek of 32 bytes"):
        await provider.status()


async def test_a_missing_kek_is_unavailable() -> None:
    with pytest.raises(KeyUnavailable, match=r"runtime-env-system/runtime-env-kek .* is missing"):
        await LocalKek(FakeCluster(), REF.namespace).status()


@pytest.mark.parametrize("error", [Unavailable(503, "get"), Rejected(403, "get")])
async def test_a_kek_that_can_t_be_read_is_unavailable(error: Unavailable | Rejected) -> None:
    cluster = FakeCluster(_secret(bytes(32)))
    cluster.faults.fail(error)
    with pytest.raises(KeyUnavailable, match="can't be read"):
        await LocalKek(cluster, REF.namespace).status()


async def test_a_restored_kek_is_seen_at_once() -> None:
    cluster = FakeCluster()
    provider = LocalKek(cluster, REF.namespace)
    with pytest.raises(KeyUnavailable):
        await provider.status()
    cluster.apply(_secret(bytes(32)))
    assert (await provider.status()).kek.startswith("local-")


async def test_only_a_kek_that_exists_excuses_a_failed_create() -> None:
    cluster = FakeCluster()
    cluster.faults.fail(Rejected(403, "create"))
    with pytest.raises(Rejected):
        await LocalKek(cluster, REF.namespace).create()
    cluster.faults.fail(Stale(409, "create"))
    await LocalKek(cluster, REF.namespace).create()
    assert cluster.store.get(SECRETS, REF) is None
