"""Every process's probe port: plain HTTP ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from runtimeenv.serving.http import Answer, Limits
from runtimeenv.serving.metrics import Measured, gauge
from runtimeenv.serving.server import Server

TEXT: Final = "text/plain; charset=utf-8"

LIMITS: Final = Limits(head=16 * 1024, body=0, connections=64)


def probe_server(waiting_for: Callable[[], str], registry: CollectorRegistry) -> Server:
    """A server to be started on the probe port.

    ``waiting_for`` says what is missing before the process is ready, and "" when it is. Alive is whoever answers.
    """

    Measured(registry, gauge("ready", "1 when the process is ready, as /readyz says.", lambda: not waiting_for()))

    def healthy(_body: bytes) -> Answer:
        return Answer(200, b"ok\n", TEXT)

    def ready(_body: bytes) -> Answer:
        missing = waiting_for()
        return Answer(503, f"waiting for {missing}\n".encode(), TEXT) if missing else Answer(200, b"ok\n", TEXT)

    def metrics(_body: bytes) -> Answer:
        return Answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)

    return Server({("GET", "/healthz"): healthy, ("GET", "/readyz"): ready, ("GET", "/metrics"): metrics}, LIMITS)
