"""The API does what its document says: schemathesis tries the document, with all its checks, on a real cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.api_client import Customer

SETUP = Path(__file__).parent / "schemathesis"


def test_the_api_passes_all_checks_of_schemathesis(customer: Customer, tmp_path: Path) -> None:
    """Examples, boundaries, random requests good and bad, and sequences of them."""
    client = customer.client
    shutil.copytree(SETUP, tmp_path, dirs_exist_ok=True)
    tried = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{client.port}/openapi.json",
            f"--header=Authorization: Bearer {client.key}",
            *("--checks=all", "--max-examples=5", "--request-timeout=30", "--seed=20261124"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    print(tried.stdout[-8000:], tried.stderr)
    assert client.key not in tried.stdout + tried.stderr
    assert tried.returncode == 0
    assert "No issues found" in tried.stdout
