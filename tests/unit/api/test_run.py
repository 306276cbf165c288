"""The API's process: what it serves when, with a cluster that is faked."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from runtimeenv.api import bearers, freshness, run
from runtimeenv.api.key_records import HASH_KEY_FIELD, KeyRecord, write_records
from runtimeenv.api.run import Api
from runtimeenv.core import names
from runtimeenv.crypto.api_keys import ApiKey
from runtimeenv.crypto.seal import KEY_FIELD
from runtimeenv.errors import Invalid, Unavailable
from runtimeenv.serving import folders
from runtimeenv.settings import Settings
from tests.builders import Manifest, encoded, namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.api.replicas import Controller
from tests.unit.crypto.examples import KEYRING
from tests.unit.serving.test_tls import issued, trusting, write

pytestmark = pytest.mark.uvloop

BASE = "/api/v1/runtime-env"
KEY = ApiKey.generate()
HASH_KEY = bytes(range(32))
NEW = {"scope": "tenant", "name": "TOKEN", "value": "sk-ant-0123456789012345"}


def secret(name: str, data: dict[str, bytes]) -> Manifest:
    """A Secret of the operator's namespace."""
    metadata = {"name": name, "namespace": Settings().namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded(data)}


def keys() -> list[Manifest]:
    """The two Secrets that let KEY in."""
    record = KeyRecord(hash=KEY.hashed(HASH_KEY).hex(), tenant="acme", role="write", created=0)
    return [
        secret(names.API_HASH_KEY_SECRET, {HASH_KEY_FIELD: HASH_KEY}),
        secret(names.API_KEYS_SECRET, write_records({KEY.id: record})),
    ]


@dataclass
class Running:
    """An API, and how to speak with it."""

    api: Api
    cluster: FakeCluster
    folder: Path
    scheme: str = "http"

    async def probe(self, path: str = "/readyz") -> str:
        url = f"http://127.0.0.1:{self.api.probe_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    async def ask(self, method: str = "GET", path: str = BASE, body: Any = None) -> tuple[int, Any, Any]:
        """Status, headers and body of an answer."""
        url = f"{self.scheme}://127.0.0.1:{self.api.port}{path}"
        headers = {"Authorization": f"Bearer {KEY.reveal()}"}
        context: ssl.SSLContext | Literal[True] = trusting() if self.scheme == "https" else True
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body, headers=headers, ssl=context) as answer,
        ):
            text = await answer.text()
            return answer.status, answer.headers, json.loads(text) if text.startswith("{") else text

    async def until(self, told: str) -> None:
        async with asyncio.timeout(20):
            while await self.probe() != told:
                pass

    def publish(self) -> None:
        (self.folder / "public" / KEY_FIELD).write_text(str(KEYRING.sealing_key()))


@asynccontextmanager
async def running(folder: Path, cluster: FakeCluster | None = None, **settings: Any) -> AsyncIterator[Running]:
    for name in ("tls", "public"):
        (folder / name).mkdir(exist_ok=True)
    given = Settings(
        bind_address="127.0.0.1",
        api_port=0,
        probe_port=0,
        tls_folder=folder / "tls",
        public_key_folder=folder / "public",
        **settings,
    )
    faked = cluster or FakeCluster(namespace("acme", "acme", home="true"), *keys())
    found = Running(Api(given, faked), faked, folder, "https" if given.api_tls == "on" else "http")
    found.publish()
    controller = asyncio.create_task(Controller(faked, 0).reflector.run())
    await found.api.start()
    try:
        async with found.api.following():
            yield found
            await found.api.stop()
    finally:
        controller.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (folders, bearers, freshness):
        monkeypatch.setattr(module, "EVERY", 0.01)
    monkeypatch.setattr(run, "LINGER", 0.0)
    yield
    gc.unfreeze()


async def test_a_variable_that_is_posted_is_read_and_deleted(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.until("ok\n")
        status, headers, posted = await found.ask("POST", body=NEW)
        assert (status, headers["Runtime-Env-Ready"]) == (201, "true")
        one = f"{BASE}/{posted['data']['id']}"
        assert (await found.ask(path=one))[2] == posted
        assert (await found.ask("DELETE", one))[2] == {"ok": True, "id": posted["data"]["id"]}
        assert (await found.ask(path=one))[0] == 404


async def test_it_waits_for_what_it_must_know_before_it_listens(tmp_path: Path) -> None:
    cluster = FakeCluster(namespace("acme", "acme", home="true"))
    cluster.faults.calls_flow.clear()
    async with running(tmp_path, cluster) as found:
        assert await found.probe() == "waiting for the list of namespaces\n"
        assert found.api.port == 0
        cluster.faults.calls_flow.set()
        await found.until("ok\n")
        assert (await found.ask(path="/readyz"))[2] == "ok\n"


async def test_api_keys_that_are_made_later_let_in(tmp_path: Path) -> None:
    async with running(tmp_path, FakeCluster(namespace("acme", "acme", home="true"))) as found:
        await found.until("ok\n")
        assert (await found.ask())[0] == 401
        for manifest in keys():
            found.cluster.apply(manifest)
        async with asyncio.timeout(20):
            while (await found.ask())[0] != 200:
                pass


async def test_without_the_public_key_it_reads_and_writes_wait_for_the_key(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.until("ok\n")
        assert (await found.ask("POST", body=NEW))[0] == 201


async def test_the_certificate_is_waited_for_and_presented(tmp_path: Path) -> None:
    async with running(tmp_path, api_tls="on") as found:
        await found.until("waiting for a serving certificate\n")
        write(tmp_path / "tls", issued())
        await found.until("ok\n")
        assert (await found.ask())[0] == 200


async def test_probes_on_the_apis_own_port_need_no_key_and_know_their_methods(tmp_path: Path) -> None:
    async with running(tmp_path) as found:
        await found.until("ok\n")
        assert (await found.ask(path="/healthz/"))[2] == "ok\n"
        status, headers, refused = await found.ask("POST", "/readyz")
        assert (status, refused["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert "GET" in headers["Allow"]


async def test_reads_say_how_old_they_are_while_the_cluster_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtimeenv.api.routes.STALE_AFTER", 0.05)
    async with running(tmp_path) as found:
        await found.until("ok\n")
        found.cluster.faults.fail(Unavailable(503, "away"), times=10_000)
        found.cluster.cut_watches()
        async with asyncio.timeout(20):
            while "Runtime-Env-Age" not in (await found.ask())[1]:
                pass
        status, headers, refused = await found.ask("POST", body=NEW)
        assert (status, refused["error"]["code"], headers["Retry-After"]) == (503, "UNAVAILABLE", "1")
        assert await found.probe() == "ok\n"


async def test_metrics_count_requests_and_those_without_a_key(tmp_path: Path) -> None:
    async with running(tmp_path, FakeCluster()) as found:
        await found.until("ok\n")
        await found.ask()
        told = await found.probe("/metrics")
        assert f'runtime_env_api_requests_total{{method="GET",route="{BASE}",status="401"}} 1.0' in told
        assert "runtime_env_api_unauthenticated_total 1.0" in told
        assert "runtime_env_api_rate_limited_total 0.0" in told


async def test_a_replica_that_goes_is_not_ready_and_then_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LINGER", 60.0)
    async with running(tmp_path) as found:
        await found.until("ok\n")
        stopping = asyncio.create_task(found.api.stop())
        await found.until("waiting for the end\n")
        assert (await found.ask())[1]["Connection"] == "close"
        stopping.cancel()
        monkeypatch.setattr(run, "LINGER", 0.0)
        await found.api.stop()
        with pytest.raises(aiohttp.ClientError):
            await found.ask()


async def test_a_fault_of_a_part_ends_the_whole_and_leaves_no_timer_behind(tmp_path: Path) -> None:
    async def faulty() -> None:
        async with running(tmp_path) as found:
            await found.until("ok\n")
            raise ValueError

    with pytest.raises(ExceptionGroup) as caught:
        await faulty()
    assert caught.group_contains(ValueError)


async def test_proxies_that_are_no_addresses_are_refused_at_once() -> None:
    with pytest.raises(Invalid, match="RUNTIME_ENV_FORWARDED_ALLOW_IPS"):
        Api(Settings(forwarded_allow_ips="my-proxy"), FakeCluster())
