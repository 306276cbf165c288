"""A server under load, in turns with its floor, and what each round measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.load import END

ROOT: Final = Path(__file__).parents[2]
CONNECTIONS: Final = 16
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What is sent, in turns, and what every good answer holds; no authority is plain HTTP."""

    requests: Sequence[bytes]
    mark: str
    authority: str = ""


@dataclass
class Server:
    """A server, and its rounds."""

    pid: int
    port: int
    cpu: list[float] = field(default_factory=list)
    """Milliseconds an answer."""
    p99: list[float] = field(default_factory=list)
    """Milliseconds."""
    rate: list[float] = field(default_factory=list)
    """Answers a second."""

    def measure(self, load: Load, number: int) -> None:
        """One round."""
        before = self._seconds()
        arguments = [str(self.port), load.authority, str(CONNECTIONS), str(number), load.mark]
        out = subprocess.run(
            [*module("load"), *arguments],
            env=environment(),
            check=True,
            capture_output=True,
            input=b"".join(request + END for request in load.requests),
        ).stdout
        spent = self._seconds() - before
        told = json.loads(out)
        assert told["marked"] == number, f"{number - told['marked']} answers are not what was asked for"
        self.cpu.append(spent / number * 1000)
        self.p99.append(told["p99"])
        self.rate.append(told["rate"])

    def forget(self) -> None:
        """Drop what was measured, while it warmed up or of another load."""
        for measured in (self.cpu, self.p99, self.rate):
            measured.clear()

    def medians(self) -> tuple[float, float, float]:
        """CPU, p99, rate."""
        return median(self.cpu), median(self.p99), median(self.rate)

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def compete(ours: Server, floor: Server, load: Load, number: int, rounds: int) -> None:
    """Both answer the same load in turns, so that what else the machine does falls on both."""
    for server in (floor, ours):
        server.forget()
        server.measure(load, max(number // 10, 1))
        server.forget()
    for _ in range(rounds):
        for server in (floor, ours):
            server.measure(load, number)


@contextmanager
def running(name: str, *arguments: str) -> Iterator[Server]:
    """A module of this package that prints its port and serves until it is killed."""
    process = subprocess.Popen([*module(name), *arguments], env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Server(process.pid, int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def module(name: str) -> list[str]:
    """The command of a module of this package."""
    return [sys.executable, "-m", f"tests.bench.{name}"]


def environment() -> dict[str, str]:
    """Where its imports are."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}
