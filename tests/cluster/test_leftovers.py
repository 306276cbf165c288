"""However a test run ends, nothing of its control plane stays; a standing one stays until it is taken down."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kube import standing, state
from tests.kube.cluster import Cluster, wait

RUN = """
import signal
from tests.kube import controlplane, state
claim = state.claim("control-plane")
try:
    cluster = controlplane.start(claim.folder)
    cluster.spawn(["sleep", "3600"], env={}, log=claim.folder / "sleep.log")
    print(claim.folder, flush=True)
    signal.pause()
finally:
    cluster.stop()
    claim.release()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temp directory of our own, so that other runs on this machine are none of these tests' business."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(temporary: Path) -> Iterator["subprocess.Popen[str]"]:  # noqa: ARG001 - sets TMPDIR
    started = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.communicate()


def folder_of(run: "subprocess.Popen[str]") -> Path:
    assert run.stdout is not None
    return Path(run.stdout.readline().strip())


def processes(folder: Path) -> list[str]:
    """The command lines that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text(errors="replace").replace("\0", " ")
        except OSError:  # it ended meanwhile
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_the_kill_of_a_test_run_takes_its_programs_along(run: "subprocess.Popen[str]") -> None:
    folder = folder_of(run)
    assert len(processes(folder)) == len(("etcd", "kube-apiserver", "kube-controller-manager"))
    run.kill()
    wait(lambda: not processes(folder), "its programs to end")
    assert state.sweep() == [folder]
    assert not folder.exists()


def test_ctrl_c_takes_everything_along(run: "subprocess.Popen[str]") -> None:
    folder = folder_of(run)
    run.send_signal(signal.SIGINT)
    assert run.wait() != 0
    assert processes(folder) == []
    assert not folder.exists()


@pytest.fixture
def up(temporary: Path) -> Iterator[Cluster]:  # noqa: ARG001 - sets TMPDIR
    yield standing.up("control-plane", [])
    standing.down()


def test_a_standing_cluster_is_found_again_and_goes_without_trace(up: Cluster) -> None:
    found = standing.current()
    assert found is not None
    assert standing.up("control-plane", []) == found
    answer = subprocess.run([standing.wrapper(found), "get", "namespaces"], capture_output=True, text=True, check=True)
    assert "kube-system" in answer.stdout
    assert standing.down()
    assert processes(up.folder) == []
    assert not up.folder.exists()
    assert standing.current() is None


def test_a_kept_program_starts_again_and_ends_with_its_cluster(up: Cluster) -> None:
    log = standing.keep(up, "counter", ["sh", "-c", "echo began as $$; exec sleep 3600"], {})

    def pids() -> list[int]:
        return [int(line.split()[-1]) for line in log.read_text().splitlines()]

    first = wait(pids, "the program to begin")[0]
    os.kill(first, signal.SIGKILL)
    _, second = wait(lambda: len(pids()) > 1 and pids(), "it to begin again")
    standing.down()
    assert not Path(f"/proc/{second}").exists()
