"""A steady stream of labelled pods past the webhook: every attempt is counted, whatever the last one took."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from tests import builders
from tests.kube.cluster import Cluster, wait

RATE: Final = 40
"""Attempts a second."""
CALLERS: Final = 8
LABELS: Final = {"runtime.miosa.ai/target": "sandbox"}


@dataclass
class Admissions:
    """What the attempts came to; a list of one thread's appends needs no lock."""

    answers: list[str] = field(default_factory=list)
    """Of each attempt, "" or what went wrong."""

    @property
    def failures(self) -> list[str]:
        """What went wrong."""
        return [said for said in self.answers if said]

    def more(self, seconds: float) -> None:
        """Wait until as many further attempts have been answered as are made in that time."""
        enough = len(self.answers) + int(RATE * seconds)
        wait(lambda: len(self.answers) >= enough, "further attempts")


@contextmanager
def admissions(cluster: Cluster, namespace: str) -> Iterator[Admissions]:
    """Creates pods, as dry runs, at a fixed rate until the block ends."""
    stream, over, start = Admissions(), threading.Event(), time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [
            pool.submit(_call, _Caller(cluster, namespace), stream, over, start + number / RATE)
            for number in range(CALLERS)
        ]
        try:
            yield stream
        finally:
            over.set()
    for caller in callers:
        caller.result()


def _call(caller: _Caller, stream: Admissions, over: threading.Event, due: float) -> None:
    with closing(caller):
        while not over.wait(due - time.monotonic()):
            stream.answers.append(caller.attempt())
            due += CALLERS / RATE


class _Caller:
    """One connection to the API server, as its administrator."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        config = json.loads(cluster.kubeconfig.read_text())
        user = config["users"][0]["user"]
        tls = ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])
        tls.load_cert_chain(user["client-certificate"], user["client-key"])
        address = urlsplit(cluster.server)
        self._connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=tls, timeout=10)
        self._path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
        self._pod = json.dumps(builders.pod(f"{namespace}/steady", LABELS))

    def attempt(self) -> str:
        """Nothing, or what went wrong."""
        try:
            self._connection.request("POST", self._path, self._pod, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            said = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return repr(error)
        return "" if answer.status == HTTPStatus.CREATED else said

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
