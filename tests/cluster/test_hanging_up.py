"""Connections of the API server's that a webhook gives up while requests come in: none fails (design §7)."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pytest
import uvloop

from runtimeenv.crypto.certificates import issue_authority, issue_serving
from runtimeenv.serving.http import Answer
from runtimeenv.serving.server import Server
from runtimeenv.serving.tls import Certificates
from runtimeenv.webhook.reviews import allowed
from tests.cluster.admissions import admissions
from tests.cluster.homes import Home

OFTEN: Final = 0.002
"""Seconds between two times that idle callers are sent away: so that many of them are just sending."""
LONG: Final = 8.0


def allow(body: bytes) -> Answer:
    return allowed(msgspec.json.decode(body)["request"]["uid"])


class Restless:
    """A webhook that sends idle callers away again and again, as a replica that goes does once."""

    def __init__(self, folder: Path) -> None:
        now = datetime.now(UTC)
        self.authority = issue_authority(now)
        pair = issue_serving(self.authority, ["127.0.0.1"], now)
        (folder / "tls.crt").write_bytes(pair.certificate)
        (folder / "tls.key").write_bytes(pair.private_key)
        self._certificates = Certificates()
        self._certificates.load(folder)
        self._started, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()))
        self.port = 0

    def __enter__(self) -> Restless:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    async def _serve(self) -> None:
        server = Server({("POST", "/"): allow})
        self.port = await server.start("127.0.0.1", 0, self._certificates.context)
        self._started.set()
        while not self._over.is_set():
            server.dismiss()
            await asyncio.sleep(OFTEN)
        await server.drain(0, 0)


@pytest.fixture
def restless(home: Home, tmp_path: Path) -> Iterator[Home]:
    """The API server asks such a webhook about every pod of the home."""
    with Restless(tmp_path) as webhook:
        bundle = base64.b64encode(webhook.authority.certificate).decode()
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "zz-restless"},
            "webhooks": [
                {
                    "name": "restless.example.com",
                    "clientConfig": {"url": f"https://127.0.0.1:{webhook.port}/", "caBundle": bundle},
                    "rules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
                    ],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": home.namespace}},
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
        home.cluster.apply(configuration)
        yield home
        home.cluster.kubectl("delete", "mutatingwebhookconfiguration", "zz-restless")


def test_no_request_is_lost_on_a_connection_that_ends(restless: Home) -> None:
    with admissions(restless.cluster, restless.namespace) as stream:
        stream.more(LONG)
    assert stream.failures == []
