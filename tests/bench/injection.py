"""Injection reviews over TLS keep-alive, against the floor: ``rows()``, or ``python -m tests.bench.injection``."""

from __future__ import annotations

import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from runtimeenv.crypto.certificates import issue_authority, issue_serving
from tests.bench.loaded import CONNECTIONS, Load, compete, running
from tests.bench.report import Row, table
from tests.bench.review import NAMESPACES, namespace_name, review

REVIEWS: Final = 10_000
ROUNDS: Final = 7
BODIES: Final = 256


def rows(reviews: int = REVIEWS, rounds: int = ROUNDS) -> list[Row]:
    """CPU and p99 of a review, ours and the floor's; medians of the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        _certify(Path(folder))
        load = Load([_request(index) for index in range(BODIES)], '"patch":"', str(Path(folder) / "ca.crt"))
        with running("floor", folder) as floor, running("injector", folder) as ours:
            compete(ours, floor, load, reviews, rounds)
            (cpu, p99, rate), (floors_cpu, floors_p99, floors_rate) = ours.medians(), floor.medians()
    return [
        Row("injection review, CPU", cpu, floors_cpu, "ms", "<= 2.5"),
        Row(f"injection review, p99 at {CONNECTIONS} connections", p99, floors_p99, "ms", "<= 3"),
        Row("injection reviews, closed loop", rate, floors_rate, "1/s"),
    ]


def _request(index: int) -> bytes:
    """A review as the API server sends it; the namespaces are spread over all."""
    body = review(namespace_name(index * 7919 % NAMESPACES), str(uuid.UUID(int=index)))
    head = "POST /inject?timeout=3s HTTP/1.1\r\nHost: webhook\r\nUser-Agent: kube-apiserver-admission\r\n"
    head += f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Accept-Encoding: gzip\r\n\r\n" + body


def _certify(folder: Path) -> None:
    now = datetime.now(UTC)
    authority = issue_authority(now)
    serving = issue_serving(authority, ["127.0.0.1"], now)
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "tls.crt").write_bytes(serving.certificate)
    (folder / "tls.key").write_bytes(serving.private_key)


if __name__ == "__main__":
    print(table(rows()))
