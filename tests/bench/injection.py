"""Injection reviews over TLS keep-alive, against the floor: ``rows()``, or ``python -m tests.bench.injection``.

Both servers answer the same load in turns, so that what else the machine does falls on both; medians of the rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from runtimeenv.crypto.certificates import issue_authority, issue_serving
from tests.bench.report import Row, table

ROOT: Final = Path(__file__).parents[2]
CONNECTIONS: Final = 16
REVIEWS: Final = 10_000
ROUNDS: Final = 7
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server under load, and what each round measured."""

    pid: int
    port: int
    cpu: list[float] = field(default_factory=list)
    """Milliseconds a review."""
    p99: list[float] = field(default_factory=list)
    """Milliseconds."""
    rate: list[float] = field(default_factory=list)
    """Reviews a second."""

    def measure(self, authority: Path, reviews: int) -> None:
        """One round."""
        before = self._seconds()
        out = subprocess.run(
            [*_module("load"), str(self.port), str(authority), str(CONNECTIONS), str(reviews)],
            env=_environment(),
            check=True,
            capture_output=True,
        ).stdout
        spent = self._seconds() - before
        told = json.loads(out)
        assert told["patched"] == reviews, "a review was not answered with a patch"
        self.cpu.append(spent / reviews * 1000)
        self.p99.append(told["p99"])
        self.rate.append(told["rate"])

    def forget(self) -> None:
        """Drop what was measured while both warmed up."""
        for measured in (self.cpu, self.p99, self.rate):
            measured.clear()

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def rows(reviews: int = REVIEWS, rounds: int = ROUNDS) -> list[Row]:
    """CPU and p99 of a review, ours and the floor's."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _certify(folder)
        floor = stack.enter_context(_running("floor", folder))
        ours = stack.enter_context(_running("injector", folder))
        for server in (floor, ours):
            server.measure(folder / "ca.crt", reviews // 10)
            server.forget()
        for _ in range(rounds):
            for server in (floor, ours):
                server.measure(folder / "ca.crt", reviews)
    return [
        Row("injection review, CPU", median(ours.cpu), median(floor.cpu), "ms", "<= 2.5"),
        Row(f"injection review, p99 at {CONNECTIONS} connections", median(ours.p99), median(floor.p99), "ms", "<= 3"),
        Row("injection reviews, closed loop", median(ours.rate), median(floor.rate), "1/s"),
    ]


def _certify(folder: Path) -> None:
    now = datetime.now(UTC)
    authority = issue_authority(now)
    serving = issue_serving(authority, ["127.0.0.1"], now)
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "tls.crt").write_bytes(serving.certificate)
    (folder / "tls.key").write_bytes(serving.private_key)


@contextmanager
def _running(module: str, folder: Path) -> Iterator[Server]:
    process = subprocess.Popen([*_module(module), str(folder)], env=_environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Server(process.pid, int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"tests.bench.{name}"]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}


if __name__ == "__main__":
    print(table(rows()))
