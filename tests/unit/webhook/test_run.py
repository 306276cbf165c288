"""The webhook's process: what it serves when, over TLS, with a cluster that is faked."""

from __future__ import annotations

import asyncio
import base64
import gc
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import uvloop

from runtimeenv.crypto.certificates import issue_authority, issue_serving
from runtimeenv.serving import folders
from runtimeenv.settings import Settings
from runtimeenv.webhook import run, trust
from runtimeenv.webhook.run import Webhook
from tests.builders import Manifest, namespace, pod, variable
from tests.fakes.cluster import FakeCluster
from tests.unit.webhook.reviewing import review
from tests.unit.webhook.sealing_cases import KEYRING

NOW = datetime.now(UTC)
AUTHORITY = issue_authority(NOW)
LABELS = {"runtime.miosa.ai/target": "sandbox"}


def configuration(name: str, authority: bytes = AUTHORITY.certificate) -> Manifest:
    """A webhook configuration that calls this webhook."""
    client = {"url": "https://127.0.0.1:1/x", "caBundle": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{"name": "x", "clientConfig": client}],
    }


@dataclass
class Running:
    """A webhook, and how to speak with it."""

    webhook: Webhook
    cluster: FakeCluster
    folder: Path

    async def probe(self, path: str = "/readyz") -> str:
        url = f"http://127.0.0.1:{self.webhook.probe_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    async def review(self, path: str, manifest: Manifest) -> Any:
        context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
        url = f"https://127.0.0.1:{self.webhook.port}{path}?timeout=3s"
        body = msgspec.json.encode(review(manifest))
        async with aiohttp.ClientSession() as session, session.post(url, data=body, ssl=context) as answer:
            return (await answer.json())["response"]

    def certify(self) -> None:
        pair = issue_serving(AUTHORITY, ["127.0.0.1"], NOW)
        (self.folder / "tls" / "tls.crt").write_bytes(pair.certificate)
        (self.folder / "tls" / "tls.key").write_bytes(pair.private_key)

    def publish(self) -> None:
        (self.folder / "public" / "sealing-key").write_text(str(KEYRING.sealing_key()))
        (self.folder / "compare" / "0a1b2c3d").write_bytes(bytes(32))
        (self.folder / "compare" / "primary").write_text("0a1b2c3d")

    async def until(self, probe: Callable[[str], bool]) -> None:
        async with asyncio.timeout(20):
            while not probe(await self.probe()):
                pass


@asynccontextmanager
async def running(folder: Path, *, certified: bool = True) -> AsyncIterator[Running]:
    for name in ("tls", "public", "compare"):
        (folder / name).mkdir()
    settings = Settings(
        bind_address="127.0.0.1",
        webhook_port=0,
        probe_port=0,
        tls_folder=folder / "tls",
        public_key_folder=folder / "public",
        compare_keys_folder=folder / "compare",
    )
    cluster = FakeCluster(
        namespace("acme", "acme"), *(configuration(name) for name in ("00-runtime-env", "runtime-env"))
    )
    found = Running(Webhook(settings, cluster), cluster, folder)
    if certified:
        found.certify()
    await found.webhook.start()
    async with found.webhook.following():
        yield found
        await found.webhook.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(folders, "EVERY", 0.01)
    monkeypatch.setattr(run, "LINGER", 0.0)
    monkeypatch.setattr(run, "KEYS_WITHIN", 0.0)
    monkeypatch.setattr(trust, "EVERY", 0.01)
    yield
    gc.unfreeze()


async def test_it_is_ready_once_it_knows_the_namespaces_and_has_a_certificate(tmp_path: Path) -> None:
    async with running(tmp_path, certified=False) as found:
        await found.until(lambda told: told == "waiting for a serving certificate\n")
        with found.cluster.faults.calls_delayed():
            found.certify()
        await found.until(lambda told: told == "ok\n")


async def test_a_pod_is_injected_without_asking_the_api_server(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.until(lambda told: told == "ok\n")
        calls = len(found.cluster.calls)
        assert (await found.review("/inject", pod("acme/x", LABELS)))["patchType"] == "JSONPatch"
        assert len(found.cluster.calls) == calls


async def test_without_keys_pods_are_injected_and_values_wait_for_the_keys(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.until(lambda told: told == "ok\n")
        refused = await found.review("/seal", variable("acme/x", value="v"))
        assert refused["status"]["code"] == 503
        assert (await found.review("/inject", pod("acme/x", LABELS)))["allowed"]
        found.publish()
        async with asyncio.timeout(20):
            while not (await found.review("/seal", variable("acme/x", value="v")))["allowed"]:
                pass


async def test_keys_that_come_late_are_waited_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "KEYS_WITHIN", 3600.0)
    async with running(tmp_path) as found:
        await found.until(lambda told: told == "waiting for the keys that seal\n")
        found.publish()
        await found.until(lambda told: told == "ok\n")
        assert (await found.review("/seal", variable("acme/x", value="v")))["allowed"]


async def test_metrics_count_reviews(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.review("/inject", pod("acme/x", LABELS))
        text = await found.probe("/metrics")
        assert 'runtime_env_admission_reviews_total{outcome="patched",review="inject"} 1.0' in text


async def test_a_replica_that_goes_is_not_ready(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.until(lambda told: told == "ok\n")
        await found.webhook.stop()
        with pytest.raises(aiohttp.ClientError):
            await found.probe()


def test_a_fault_of_a_part_ends_the_process(tmp_path: Path) -> None:
    ended: list[BaseException] = []

    async def faulty() -> None:
        async with running(tmp_path) as found:
            await found.until(lambda told: told == "ok\n")
            raise ValueError

    def run_to_its_end() -> None:
        try:
            uvloop.run(faulty())
        except ExceptionGroup as error:
            ended.append(error)

    thread = threading.Thread(target=run_to_its_end, daemon=True)
    thread.start()
    thread.join(30)
    assert [type(error) for error in ended] == [ExceptionGroup]
