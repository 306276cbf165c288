"""Programs that end with the process that started them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kube.running import Running, tail
from tests.kube.waiting import Hopeless, wait

STARTS_A_CHILD = """
import sys, signal
from pathlib import Path
from tests.kube.running import Running
print(Running(["sleep", "3600"], Path(sys.argv[1])).pid, flush=True)
signal.pause()
"""


def test_a_program_writes_into_its_log_and_has_a_code(tmp_path: Path) -> None:
    program = Running(["sh", "-c", "echo out; echo err >&2; exit 3"], tmp_path / "log")
    wait(lambda: not program.alive, "it to end")
    assert program.code == 3
    assert program.log.read_text() == "out\nerr\n"


def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    program = Running(["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], tmp_path / "log")
    wait(program.log.read_text, "the trap to be set")
    program.stop(timeout=0.1)
    assert program.code == -signal.SIGKILL


def test_stop_waits_for_an_orderly_end(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    program = Running(["sh", "-c", script], tmp_path / "log")
    wait(program.log.read_text, "the trap to be set")
    program.stop()
    assert (program.code, program.log.read_text()) == (0, "ready\nbye\n")


def test_a_program_is_out_of_the_reach_of_ctrl_c(tmp_path: Path) -> None:
    program = Running(["sleep", "3600"], tmp_path / "log")
    try:
        assert os.getpgid(program.pid) != os.getpgid(0)
    finally:
        program.kill9()


def test_the_kernel_kills_a_program_with_its_parent(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", STARTS_A_CHILD, str(tmp_path / "log")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        assert "sleep" in (child / "cmdline").read_text()
        parent.kill()
    wait(lambda: not child.exists() or "Z" in (child / "stat").read_text().split()[2], "the child to end")


def test_an_ended_program_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = Running(["sh", "-c", "echo no such flag; exit 1"], tmp_path / "log")
    wait(lambda: not program.alive, "it to end")
    with pytest.raises(Hopeless, match=r"(?s)sh ended with 1; .*no such flag"):
        program.expect_alive()


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert tail(log, lines=2) == "line 98\nline 99"
    assert tail(tmp_path / "missing") == "(no log)"
