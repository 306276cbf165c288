from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.cli.published import read_enrolment, read_sealing_key
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.errors import Denied, Invalid, NotFound, Unavailable
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.cli.manifests import config_map
from tests.unit.crypto.examples import KEYRING

SYSTEM = "runtime-env-system"
KEY = KEYRING.sealing_key()


async def test_the_public_key_is_read_from_its_config_map() -> None:
    cluster = FakeCluster(config_map(SYSTEM, **{"sealing-key": str(KEY), "fingerprint": KEY.fingerprint}))
    assert await read_sealing_key(cluster, SYSTEM) == KEY


@pytest.mark.parametrize("manifests", [[], [config_map(SYSTEM, other="x")]])
async def test_a_missing_public_key_asks_for_the_operator(manifests: list[dict[str, Any]]) -> None:
    with pytest.raises(NotFound, match="is Runtime Env installed there"):
        await read_sealing_key(FakeCluster(*manifests), SYSTEM)


async def test_a_damaged_public_key_is_refused() -> None:
    cluster = FakeCluster(config_map(SYSTEM, **{"sealing-key": str(KEY)[:-1]}))
    with pytest.raises(Invalid, match="sealing-key"):
        await read_sealing_key(cluster, SYSTEM)


async def test_a_namespace_s_labels_tell_whose_it_is() -> None:
    cluster = FakeCluster(namespace("acme-blue", tenant="acme", workspace="blue"))
    assert await read_enrolment(cluster, "acme-blue") == Enrolment("acme", "blue")


@pytest.mark.parametrize("manifests", [[], [namespace("acme-blue")], [namespace("acme-blue", tenant="-bad-")]])
async def test_a_namespace_of_no_tenant_is_denied_with_the_mend(manifests: list[dict[str, Any]]) -> None:
    with pytest.raises(Denied, match="acme-blue belongs to no tenant: enrol it first, or give --tenant"):
        await read_enrolment(FakeCluster(*manifests), "acme-blue")


async def test_an_api_server_that_fails_is_told() -> None:
    cluster = FakeCluster(namespace("acme-blue", tenant="acme"))
    cluster.faults.fail(Unavailable(0, "get"))
    with pytest.raises(Unavailable):
        await read_enrolment(cluster, "acme-blue")
