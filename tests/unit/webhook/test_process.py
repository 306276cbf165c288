"""The process as the chart starts it."""

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


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """It, without a cluster that answers, and its probe port."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}],"
        " clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: x, user: {}}]}"
    )
    probe_port, port = free_ports(2)
    env = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": str(ROOT / "operator"),
        "RUNTIME_ENV_BIND_ADDRESS": "127.0.0.1",
        "RUNTIME_ENV_PROBE_PORT": str(probe_port),
        "RUNTIME_ENV_WEBHOOK_PORT": str(port),
        **{f"RUNTIME_ENV_{name}_FOLDER": str(tmp_path) for name in ("TLS", "PUBLIC_KEY", "COMPARE_KEYS")},
    }
    argv = [sys.executable, "-m", "runtimeenv", "webhook"]
    running = subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True)
    yield running, probe_port
    running.kill()
    running.communicate()


def alive(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(process: tuple[subprocess.Popen[str], int], number: signal.Signals) -> None:
    running, port = process
    wait(lambda: alive(port), "the process to be alive")
    running.send_signal(number)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 0, errors
    assert "Traceback" not in errors
