"""The process as the chart starts it, without a cluster that answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kube.controlplane import free_ports
from tests.kube.waiting import wait

ROOT = Path(__file__).parents[3]
ARGV = [sys.executable, "-m", "runtimeenv", "api"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Its settings."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}],"
        " clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: x, user: {}}]}"
    )
    probe_port, port = free_ports(2)
    return {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": str(ROOT / "operator"),
        "RUNTIME_ENV_BIND_ADDRESS": "127.0.0.1",
        "RUNTIME_ENV_PROBE_PORT": str(probe_port),
        "RUNTIME_ENV_API_PORT": str(port),
        "RUNTIME_ENV_PUBLIC_KEY_FOLDER": str(tmp_path),
    }


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(ARGV, env=environment, stderr=subprocess.PIPE, text=True)
    yield running
    running.kill()
    running.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(
    process: subprocess.Popen[str], environment: dict[str, str], number: signal.Signals
) -> None:
    address = f"http://127.0.0.1:{environment['RUNTIME_ENV_PROBE_PORT']}/healthz"

    def alive() -> bool:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)

    wait(alive, "the process to be alive")
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_proxies_that_are_no_addresses_end_it_naming_the_setting(environment: dict[str, str]) -> None:
    environment["RUNTIME_ENV_FORWARDED_ALLOW_IPS"] = "canary-proxy"
    ended = subprocess.run(ARGV, env=environment, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "RUNTIME_ENV_FORWARDED_ALLOW_IPS" in ended.stderr
    assert "canary-proxy" not in ended.stderr
