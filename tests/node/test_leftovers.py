"""However a test run ends, nothing of its node stays on the machine."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kube import state, traces
from tests.kube.cluster import wait
from tests.kube.supervisor import FAILURE, children

RUN = """
import signal
from tests.kube import images, node, state
claim = state.claim("node")
try:
    cluster = node.start(claim.folder, [images.busybox(claim.folder)])
    cluster.kubectl("run", "sleeper", "--image", images.BUSYBOX, "--command", "--", "sleep", "3600")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/sleeper")
    print(claim.folder, flush=True)
    signal.pause()
finally:
    cluster.stop()
    claim.release()
"""
KINDS = ("net", "pid", "mnt")


class Run:
    """A test run in a process of its own, with a node and a running pod."""

    def __init__(self, temporary: Path) -> None:
        environment = {**os.environ, "TMPDIR": str(temporary)}
        argv = [sys.executable, "-c", RUN]
        self.popen = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout is not None
        self.folder = Path(self.popen.stdout.readline().strip())
        assert self.folder.is_dir()
        self.supervisor = next(pid for pid in children(self.popen.pid))
        family = descendants(self.supervisor)
        assert any("sleep\0" in command(pid) for pid in family)
        self.spaces = {namespace(pid, kind) for pid in family for kind in KINDS} - own_namespaces()

    def processes(self) -> set[int]:
        """Those that name the node's folder, or live in a namespace of such a process."""
        naming = {pid for pid in pids() if str(self.folder) in command(pid)}
        return naming | {pid for pid in pids() if self.spaces & {namespace(pid, kind) for kind in KINDS}}

    def end(self) -> None:
        self.popen.kill()
        self.popen.communicate()


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:  # it ended meanwhile, or is not ours to look at
        return ""


def namespace(pid: int, kind: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:  # it ended meanwhile, or is not ours to look at
        return ""


def own_namespaces() -> set[str]:
    return {namespace(os.getpid(), kind) for kind in KINDS} | {""}


def descendants(pid: int) -> list[int]:
    return [pid, *(below for child in children(pid) for below in descendants(child))]


def cgroups(folder: Path) -> list[Path]:
    tops = [hierarchy / traces.group(folder) for hierarchy in traces.hierarchies()]
    return [path for path in tops if path.exists()]


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temp directory with a short path: a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="renv-") as folder:
        yield Path(folder)


@pytest.fixture
def run(node_can_run: None, temporary: Path) -> Iterator[Run]:  # noqa: ARG001 - skips
    started = Run(temporary)
    yield started
    started.end()
    wait(lambda: not started.processes(), "the node's processes to end")
    traces.remove(started.folder)  # also when the test failed


def assert_nothing_is_left(run: Run) -> None:
    wait(lambda: not run.processes(), "the node's processes to end")
    wait(lambda: not run.folder.exists(), "its folder to go")
    assert cgroups(run.folder) == []
    assert str(run.folder) not in mounts()
    assert not {name for name in interfaces() if name.startswith(("renv", "veth"))}


def test_the_kill_of_a_test_run_takes_its_node_along(run: Run) -> None:
    assert cgroups(run.folder)
    run.popen.send_signal(signal.SIGKILL)
    assert_nothing_is_left(run)


def test_ctrl_c_takes_the_node_along(run: Run) -> None:
    run.popen.send_signal(signal.SIGINT)
    assert run.popen.wait() != 0
    assert_nothing_is_left(run)


def test_the_next_run_removes_what_a_killed_supervisor_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(run.folder.parents[1]))
    os.kill(run.supervisor, signal.SIGKILL)
    run.popen.send_signal(signal.SIGKILL)
    wait(lambda: not run.processes(), "the node's processes to end")
    assert cgroups(run.folder)
    assert state.sweep() == [run.folder]
    assert_nothing_is_left(run)


def test_a_node_whose_kubelet_dies_is_taken_down_and_says_why(run: Run) -> None:
    kubelet = next(pid for pid in run.processes() if "/kubelet\0" in command(pid))
    os.kill(kubelet, signal.SIGKILL)
    reason = wait(lambda: (run.folder / FAILURE).exists() and (run.folder / FAILURE).read_text(), "the reason")
    assert "kubelet ended with -9" in reason
