"""Keeps one program running beside a standing cluster, as a kubelet would: starts it again when it ends.

`python -m tests.kube.keeper FOLDER LOG PROGRAM [ARGUMENT…]`. It ends with the supervisor of the cluster in FOLDER, or
on SIGTERM, and its program with it.
"""

import os
import select
import signal
import sys
from pathlib import Path

from tests.kube import state
from tests.kube.launching import SUPERVISOR
from tests.kube.running import Running

_PAUSE = 1000  # ms before a program that ended starts again


def main() -> None:
    folder, log, *argv = sys.argv[1:]
    claim = state.join(Path(folder))
    if claim is None:
        sys.exit(f"{folder} is being removed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    supervisor = os.pidfd_open(int((Path(folder) / SUPERVISOR).read_text()))
    try:
        while not _ended(_PAUSE, supervisor):
            _run_once(argv, Path(log), supervisor)
    finally:
        claim.release()


def _run_once(argv: list[str], log: Path, supervisor: int) -> None:
    program = Running(argv, log)
    try:
        _ended(None, supervisor, os.pidfd_open(program.pid))
    finally:
        program.stop()


def _ended(timeout: int | None, *processes: int) -> bool:
    """Waits until one of the processes (pidfd_open(2)) has ended, or for `timeout` ms."""
    poll = select.poll()
    for process in processes:
        poll.register(process, select.POLLIN)
    return bool(poll.poll(timeout))


if __name__ == "__main__":
    main()
