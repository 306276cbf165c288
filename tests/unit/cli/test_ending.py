from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import runtimeenv
from runtimeenv.__main__ import ENDED

STOPS_HERE = """
import threading
print("importing", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("process", ["controller", "webhook", "api"])
def test_a_process_that_is_still_importing_heeds_sigterm(process: str, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text(STOPS_HERE)
    places = os.pathsep.join([str(tmp_path), str(Path(runtimeenv.__file__).parents[1])])
    argv = [sys.executable, "-m", "runtimeenv", process]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": places}, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"importing\n"
        started.send_signal(signal.SIGTERM)
        try:
            # Without a handler of its own it would be -15, and as the first process of a container not end at all.
            assert started.wait(timeout=60) == ENDED
        finally:
            started.kill()
