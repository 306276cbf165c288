"""A webhook's replica goes just when the API server sends to it: the request is repeated, and no pod is refused."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from runtimeenv.crypto.certificates import issue_authority, issue_serving
from runtimeenv.serving.http import Answer
from runtimeenv.serving.server import Server
from runtimeenv.serving.tls import Certificates
from runtimeenv.webhook.reviews import allowed
from tests import builders
from tests.cluster.homes import Home
from tests.cluster.writes import create
from tests.kube.cluster import Cluster

LOOPBACK = "127.0.0.1"
NAME = "zz-hanging-up"


class Address:
    """What a Service is to the API server: new connections go to one replica. On the way a request can be late."""

    def __init__(self) -> None:
        self.replica = 0
        self.port = 0
        self.late = asyncio.Event()  # something is under way that has not arrived
        self.on_time = asyncio.Event()
        self.on_time.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Until the block ends."""
        async with await asyncio.start_server(self._lead, LOOPBACK, 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield

    async def _lead(self, caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
        replica, to_replica = await asyncio.open_connection(LOOPBACK, self.replica)
        with closing(to_caller), closing(to_replica):
            await asyncio.gather(self._requests(caller, to_replica), self._answers(replica, to_caller))

    async def _requests(self, caller: asyncio.StreamReader, to_replica: asyncio.StreamWriter) -> None:
        while sent := await caller.read(65536):
            if not self.on_time.is_set():
                self.late.set()
                await self.on_time.wait()
            to_replica.write(sent)
        to_replica.close()

    async def _answers(self, replica: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
        while said := await replica.read(65536):
            to_caller.write(said)
            self.on_time.set()  # what was late meets what was said meanwhile
        to_caller.close()


class Replica:
    """A webhook that allows everything, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.server = Server({("POST", "/"): self._allow})

    def _allow(self, body: bytes) -> Answer:
        self.asked += 1
        return allowed(msgspec.json.decode(body)["request"]["uid"])


@pytest.fixture
def certified(tmp_path: Path) -> tuple[bytes, Certificates]:
    """The authority to trust, and what a replica serves by."""
    now = datetime.now(UTC)
    authority = issue_authority(now)
    pair = issue_serving(authority, [LOOPBACK], now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.private_key)
    certificates = Certificates()
    certificates.load(tmp_path)
    return authority.certificate, certificates


@pytest.fixture
def forgotten(home: Home) -> Iterator[None]:
    """In the end the API server asks nobody at the address any more."""
    yield
    home.cluster.kubectl("delete", "mutatingwebhookconfiguration", NAME, "--ignore-not-found")


def configuration(namespace: str, port: int, authority: bytes) -> builders.Manifest:
    """Has the API server ask at a port about every pod of a namespace."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    webhook = {
        "name": "hanging-up.example.com",
        "clientConfig": {"url": f"https://{LOOPBACK}:{port}/", "caBundle": base64.b64encode(authority).decode()},
        "rules": [pods],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    return {**kind, "metadata": {"name": NAME}, "webhooks": [webhook]}


def repeated(cluster: Cluster, port: int) -> list[str]:
    """How often the API server says that it has sent a request to a port again."""
    counted = cluster.kubectl("get", "--raw", "/metrics").out
    return re.findall(
        rf'^rest_client_request_retries_total{{.*host="{LOOPBACK}:{port}".*}} (\d+)$', counted, re.MULTILINE
    )


async def created(home: Home) -> str:
    """Nothing, or why a pod was refused."""
    pod = builders.pod(f"{home.namespace}/any")
    return (await asyncio.to_thread(create, home.cluster, pod)).err


async def test_a_request_that_meets_a_replica_on_its_way_out_is_repeated_elsewhere(
    home: Home,
    certified: tuple[bytes, Certificates],
    forgotten: None,  # noqa: ARG001 - it tidies up
) -> None:
    authority, certificates = certified
    going, staying, address = Replica(), Replica(), Address()
    address.replica = await going.server.start(LOOPBACK, 0, certificates.context)
    async with address.listening():
        await asyncio.to_thread(home.apply, configuration(home.namespace, address.port, authority))
        while not going.asked:
            assert await created(home) == ""
        address.replica = await staying.server.start(LOOPBACK, 0, certificates.context)
        address.on_time.clear()
        creation = asyncio.create_task(created(home))
        await address.late.wait()
        await going.server.drain(0, 10)
        assert await creation == ""
        assert (going.asked, staying.asked) == (1, 1)
        assert await asyncio.to_thread(repeated, home.cluster, address.port) == ["1"]
        await staying.server.drain(0, 10)
