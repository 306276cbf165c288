"""When a webhook counts as trusted: `helm install --wait` ends by it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS
from runtimeenv.crypto.certificates import Certified, issue_authority, issue_serving
from runtimeenv.errors import Unavailable
from runtimeenv.serving.tls import Certificates
from runtimeenv.webhook import trust
from runtimeenv.webhook.trust import Trust
from tests.builders import Manifest
from tests.fakes.cluster import FakeCluster

NOW = datetime.now(UTC)
AUTHORITY, ANOTHER = issue_authority(NOW), issue_authority(NOW)
SERVICE = {"service": {"name": "hook", "namespace": "ours", "path": "/x"}}
SEALING, INJECTING = "00-x", "x"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "EVERY", 0.001)


@pytest.fixture
def server(tmp_path: Path) -> ssl.SSLContext:
    pair = issue_serving(AUTHORITY, ["hook.ours.svc", "127.0.0.1"], NOW)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.private_key)
    certificates = Certificates()
    certificates.load(tmp_path)
    return certificates.context


def configuration(name: str, *authorities: Certified, **client: Any) -> Manifest:
    bundle = base64.b64encode(b"".join(a.certificate for a in authorities)).decode()
    hook = {"name": "x", "clientConfig": {**(client or SERVICE), "caBundle": bundle}}
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    return {**kind, "metadata": {"name": name}, "webhooks": [hook]}


async def told(server: ssl.SSLContext, *configurations: Manifest) -> str:
    """What it waits for, once it has looked more than once; "" if for nothing."""
    cluster = FakeCluster(*configurations)
    found = Trust(cluster, INJECTING, server)
    seeking = asyncio.create_task(found.seek())
    async with asyncio.timeout(20):
        while not seeking.done() and len(cluster.calls) < 6:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)
    seeking.cancel()
    return found.missing


async def test_both_configurations_must_trust_its_certificate(server: ssl.SSLContext) -> None:
    good = [configuration(SEALING, AUTHORITY), configuration(INJECTING, ANOTHER, AUTHORITY)]
    assert await told(server, *good) == ""
    for bad in (configuration(INJECTING), configuration(INJECTING, ANOTHER)):
        assert await told(server, good[0], bad) == f"a caBundle in the webhook configuration {INJECTING} that its" + (
            " certificate belongs to"
        )


async def test_the_bundle_must_hold_for_the_host_that_is_called(server: ssl.SSLContext) -> None:
    by_url = configuration(SEALING, AUTHORITY, url="https://127.0.0.1:9443/x")
    elsewhere = configuration(SEALING, AUTHORITY, service={"name": "hook", "namespace": "theirs"})
    assert await told(server, by_url) == ""
    assert SEALING in await told(server, elsewhere)


async def test_without_the_configuration_that_seals_it_waits_and_without_the_other_it_does_not(
    server: ssl.SSLContext,
) -> None:
    assert await told(server, configuration(INJECTING, AUTHORITY)) == f"the webhook configuration {SEALING}"
    assert await told(server, configuration(SEALING, AUTHORITY)) == ""


@pytest.mark.parametrize("bundle", ["", "AAA", "/w==", base64.b64encode(b"no certificate").decode()])
async def test_what_is_no_bundle_is_not_trusted(server: ssl.SSLContext, bundle: str) -> None:
    broken = configuration(SEALING)
    broken["webhooks"][0]["clientConfig"]["caBundle"] = bundle
    assert SEALING in await told(server, broken)


async def test_nobody_trusts_a_server_without_a_certificate() -> None:
    assert SEALING in await told(Certificates().context, configuration(SEALING, AUTHORITY))


async def test_an_api_server_that_is_away_is_asked_again(server: ssl.SSLContext) -> None:
    cluster = FakeCluster(configuration(SEALING, AUTHORITY))
    cluster.faults.fail(Unavailable(0, "get x"), times=2)
    found = Trust(cluster, INJECTING, server)
    await asyncio.wait_for(found.seek(), 20)
    assert found.missing == ""


async def test_a_bundle_that_is_filled_in_is_noticed(server: ssl.SSLContext) -> None:
    cluster = FakeCluster(configuration(SEALING))
    seeking = asyncio.create_task(Trust(cluster, INJECTING, server).seek())
    await asyncio.sleep(0.02)
    assert not seeking.done()
    cluster.apply(configuration(SEALING, AUTHORITY))
    await asyncio.wait_for(seeking, 20)
    assert cluster.writes(MUTATING_WEBHOOK_CONFIGURATIONS) == []
