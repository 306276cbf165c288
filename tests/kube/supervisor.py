"""Keeps one cluster up, and takes it down without a trace.

`python -m tests.kube.supervisor TIER FOLDER [IMAGE.tar…]` writes `cluster.json` into FOLDER once the cluster answers,
or `failure` with the reason. With `--with-stdin` the cluster ends when the other end of stdin is closed, as the kernel
does when its owner dies; without, on SIGTERM alone. If this process is killed, the kernel kills the cluster, and the
next run removes its cgroups.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.kube import controlplane, inside, kind, nodefiles, state, traces
from tests.kube.cluster import Cluster
from tests.kube.running import Running
from tests.kube.waiting import Hopeless, wait

FAILURE = "failure"
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tier", choices=["control-plane", "node", "kind"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=Path, nargs="*")
    parser.add_argument("--with-stdin", action="store_true")
    wanted = parser.parse_args()
    claim = state.join(wanted.folder)
    if claim is None:
        sys.exit(f"{wanted.folder} is being removed")
    asked = _asked_to_end(wanted.with_stdin)
    try:
        with _kept(wanted, asked) as expect_alive:
            while not asked.wait(0.5):
                expect_alive()
    except Exception as error:
        (wanted.folder / FAILURE).write_text(str(error))
    finally:
        traces.remove(wanted.folder)
        claim.release()


def _asked_to_end(with_stdin: bool) -> threading.Event:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    if with_stdin:
        threading.Thread(target=_set_at_end_of_stdin, args=[asked], daemon=True).start()
    return asked


def _set_at_end_of_stdin(asked: threading.Event) -> None:
    sys.stdin.read()
    asked.set()


def _kept(wanted: argparse.Namespace, asked: threading.Event) -> AbstractContextManager[Callable[[], None]]:
    """The cluster, up while the context is open; gives what raises when it is no longer whole."""
    match wanted.tier:
        case "node":
            return _node(wanted, asked)
        case "kind":
            return kept_kind(wanted.folder, wanted.images)
        case _:
            return _control_plane(wanted.folder)


@contextmanager
def kept_kind(folder: Path, archives: list[Path]) -> Iterator[Callable[[], None]]:
    try:
        kind.create(folder, archives, print).save()
        yield lambda: None
    finally:
        kind.delete(folder)


@contextmanager
def _control_plane(folder: Path) -> Iterator[Callable[[], None]]:
    cluster, programs = controlplane.started(folder, print)

    def expect_alive() -> None:
        for program in programs:
            program.expect_alive()

    try:
        cluster.save()
        yield expect_alive
    finally:
        cluster.stop()


@contextmanager
def _node(wanted: argparse.Namespace, asked: threading.Event) -> Iterator[Callable[[], None]]:
    traces.make_groups(wanted.folder)
    argv = [*UNSHARE, sys.executable, "-m", "tests.kube.inside", wanted.folder, *wanted.images]
    node = Running(argv, wanted.folder / "node.log")

    folder: Path = wanted.folder

    def ready() -> bool:
        node.expect_alive()
        if asked.is_set():
            raise Hopeless("it was to end before it was ready")
        return (folder / inside.READY).exists()

    try:
        wait(ready, "the node's programs", timeout=300)
        _handle(wanted.folder, node).save()
        yield node.expect_alive
    finally:
        _end(node)


def _handle(folder: Path, node: Running) -> Cluster:
    """unshare itself stands in the network namespace that it made, so its process id leads there."""
    site = inside.site(folder)
    reach = ("nsenter", f"--net=/proc/{node.pid}/ns/net", "--")
    ca = site.pki / "ca.crt"
    return Cluster(
        "node", folder, site.kubeconfig("admin"), site.server, ca, site.binaries, reach, nodefiles.importing(folder)
    )


def _end(node: Running) -> None:
    """Kills the first process of the node's process namespace: unshare waits until the kernel has killed all others."""
    for pid in children(node.pid):
        os.kill(pid, signal.SIGKILL)
    node.stop()


def children(parent: int) -> list[int]:
    """The process ids of a process's children (proc(5): the fourth field of stat)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    main()
