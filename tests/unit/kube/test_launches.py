"""The chart's Deployments as programs of this machine."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kube import launches
from tests.kube.launches import Launch


def launch(name: str = "webhook", probe_port: int = 1, webhook_port: int = 2, **env: str) -> Launch:
    return Launch(name, (), env, (), probe_port, webhook_port, api_port=3)


def configuration() -> Any:
    service = {"name": "runtime-env-webhook", "namespace": "x", "path": "/seal", "port": 443}
    return {"kind": "MutatingWebhookConfiguration", "webhooks": [{"clientConfig": {"service": service}}]}


@pytest.fixture
def probes() -> Iterator[int]:
    """The port of a server that is alive, and not ready."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()
            self.wfile.write(b"waiting for the Lease")

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_webhooks_outside_are_called_by_url_at_the_process_of_their_service() -> None:
    [found] = launches.by_url([configuration()], [launch(webhook_port=9443)])
    assert found["webhooks"][0]["clientConfig"] == {"url": "https://127.0.0.1:9443/seal"}


def test_what_only_makes_sense_for_pods_is_left_out() -> None:
    objects: list[Any] = [{"kind": kind} for kind in ("Deployment", "PodDisruptionBudget", "ClusterRole")]
    assert launches.by_url(objects, []) == [{"kind": "ClusterRole"}]


def test_a_process_that_does_not_listen_is_neither_alive_nor_ready() -> None:
    assert not launch(probe_port=1).answers()
    assert not launch(probe_port=1).ready()


def test_a_process_that_waits_is_alive_and_says_for_what(probes: int) -> None:
    waiting = launch(probe_port=probes)
    assert waiting.answers()
    assert not waiting.ready()
    assert waiting.missing() == "waiting for the Lease"


def test_a_further_replica_has_its_settings_but_listens_elsewhere_and_is_another_pod() -> None:
    first = launch("api", RUNTIME_ENV_IDENTITY="one", RUNTIME_ENV_LOG_LEVEL="debug")
    second = first.another("api-2")
    assert second.name == "api-2"
    assert second.env["RUNTIME_ENV_LOG_LEVEL"] == "debug"
    assert second.env["RUNTIME_ENV_IDENTITY"] != "one"
    assert second.env["RUNTIME_ENV_API_PORT"] == str(second.api_port)
    assert {first.probe_port, first.api_port}.isdisjoint({second.probe_port, second.api_port})
