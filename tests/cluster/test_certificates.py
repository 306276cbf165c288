"""The webhook's certificates lost, replaced and ended while pods come in steadily: none is refused (design §7)."""

from __future__ import annotations

import base64
import json
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from runtimeenv.controller.serving_certificates import AUTHORITY_SECRET
from runtimeenv.core import names
from runtimeenv.crypto.certificates import (
    AUTHORITY_LIFETIME,
    Certified,
    due,
    issue_authority,
    issue_serving,
    service_hosts,
)
from tests.cluster.admissions import RATE, admissions
from tests.cluster.homes import Home
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator
from tests.steady import steadily

SERVING: Final = names.SERVING_SECRET
HOSTS: Final = service_hosts("runtime-env-webhook", NAMESPACE, "127.0.0.1")
CONFIGURATIONS: Final = ("00-runtime-env", "runtime-env")
A_MOMENT: Final = 1
"""Seconds."""
A_WHILE: Final = 1.0
"""Seconds of further attempts: long enough for the API server to open new connections."""


def now() -> datetime:
    return datetime.now(UTC)


def deleted(cluster: Cluster, *secrets: str) -> None:
    cluster.kubectl("delete", "secret", *secrets, "-n", NAMESPACE)


def put(cluster: Cluster, secret: str, pair: Certified, *, immutable: bool = False) -> None:
    entries = {"tls.crt": pair.certificate, "tls.key": pair.private_key}
    data = {name: base64.b64encode(raw).decode() for name, raw in entries.items()}
    change = json.dumps({"data": data, "immutable": immutable})
    cluster.kubectl("patch", "secret", secret, "-n", NAMESPACE, "--type=merge", "-p", change)


def fixed(cluster: Cluster) -> None:
    """One Secret is made again by hand, as one of the default type; the other is spoilt, and made immutable."""
    deleted(cluster, SERVING)
    cluster.kubectl("create", "secret", "generic", SERVING, "-n", NAMESPACE, "--from-literal=tls.crt=x")
    put(cluster, AUTHORITY_SECRET, Certified(b"x", b"y"), immutable=True)


EVENTS: Final[dict[str, Callable[[Cluster], None]]] = {
    "both secrets are lost": lambda cluster: deleted(cluster, SERVING, AUTHORITY_SECRET),
    "the authority ends soon": lambda cluster: put(
        cluster, AUTHORITY_SECRET, issue_authority(now() - AUTHORITY_LIFETIME * 0.7)
    ),
    "an authority is set that is none": lambda cluster: put(
        cluster, AUTHORITY_SECRET, issue_serving(issue_authority(now()), HOSTS, now())
    ),
    "neither secret can be written over": fixed,
}


@pytest.mark.parametrize("event", EVENTS)
def test_no_pod_is_refused_when(home: Home, late: Operator, event: str) -> None:
    before = shown(late)
    with admissions(home.cluster, home.namespace) as stream, steadily(lambda: distrust(late)) as distrusts:
        stream.more(A_WHILE)
        with between_two_looks(late):
            EVENTS[event](home.cluster)
        wait(lambda: settled(home.cluster, before), "a new certificate, trusted by both webhook configurations")
        stream.more(A_WHILE)
        late.kubelet.signal(signal.SIGCONT)
        wait(lambda: shown(late) == stored(home.cluster)["tls.crt"], "the webhook to show the new certificate")
        stream.more(A_WHILE)
    assert (stream.failures, distrusts) == ([], [])


def test_pods_are_refused_for_a_moment_only_when_both_configurations_lose_their_bundles(home: Home) -> None:
    forgotten = json.dumps([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}])
    before = bundles(home.cluster)
    with admissions(home.cluster, home.namespace) as stream:
        stream.more(A_WHILE)
        for name in CONFIGURATIONS:
            home.cluster.kubectl("patch", "mutatingwebhookconfiguration", name, "--type=json", "-p", forgotten)
        wait(lambda: bundles(home.cluster) == before, "both to trust the webhook again")
        refused = len(stream.failures)
        stream.more(A_WHILE)
    assert refused < A_MOMENT * RATE
    assert len(stream.failures) == refused


@pytest.fixture
def late(operator: Operator) -> Iterator[Operator]:
    """With a kubelet that brings no change of a Secret until it is told to go on."""
    operator.kubelet.signal(signal.SIGSTOP)
    yield operator
    operator.kubelet.signal(signal.SIGCONT)


@contextmanager
def between_two_looks(operator: Operator) -> Iterator[None]:
    """What happens in the block is one event to the controller."""
    operator.controller.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        operator.controller.signal(signal.SIGCONT)


def distrust(operator: Operator) -> str:
    """Why an API server that opens a connection now would not trust the webhook: open ones hide it."""
    for bundle in bundles(operator.cluster):
        context = ssl.create_default_context(cadata=bundle.decode())
        try:
            with socket.create_connection(address(operator)) as plain:
                context.wrap_socket(plain, server_hostname=HOSTS[0]).close()
        except ssl.SSLError as error:
            return str(error)
    return ""


def shown(operator: Operator) -> bytes:
    """The certificate that the webhook serves, as PEM."""
    return ssl.get_server_certificate(address(operator)).encode()


def address(operator: Operator) -> tuple[str, int]:
    """Where the webhook listens."""
    return "127.0.0.1", operator.launches["webhook"].webhook_port


def stored(cluster: Cluster, secret: str = SERVING) -> dict[str, bytes]:
    """What a Secret holds."""
    found: dict[str, Any] = cluster.get_json("secret", secret, "-n", NAMESPACE)["data"]
    return {name: base64.b64decode(text) for name, text in found.items()}


def settled(cluster: Cluster, before: bytes) -> bool:
    """Is another certificate stored, and trusted?"""
    found = stored(cluster)
    new = found["tls.crt"] != before and due(found["tls.crt"], now()) is not None
    return new and bundles(cluster) == {found["ca.crt"]}


def bundles(cluster: Cluster) -> set[bytes]:
    """What the webhook configurations trust."""
    found = cluster.get_json("mutatingwebhookconfiguration", *CONFIGURATIONS)["items"]
    return {base64.b64decode(hook["clientConfig"].get("caBundle", "")) for each in found for hook in each["webhooks"]}
