"""Programs that end with the process that started them, however that one ends."""

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.kube.waiting import Hopeless

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Running:
    """A program under way, its output appended to `log`.

    In a session of its own, so that Ctrl-C reaches the test run alone, which then stops things in order. The kernel
    kills it with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG): start programs from the main thread.
    """

    def __init__(self, argv: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start programs from the main thread: they end with the thread that started them")
        self.name = Path(argv[0]).name
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                start_new_session=True,
                preexec_fn=end_with_parent(),  # noqa: PLW1509 - one prctl and one getppid: safe between fork and exec
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code; negative: the signal that ended it; None while it runs."""
        return self._popen.poll()

    def stop(self, timeout: float = 20) -> None:
        """SIGTERM, and SIGKILL to what has not ended after `timeout` seconds."""
        if self.alive:
            self._popen.terminate()
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()

    def kill9(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def expect_alive(self) -> None:
        """Raises Hopeless, with the end of the log, when the program has ended."""
        if not self.alive:
            raise Hopeless(f"{self.name} ended with {self.code}; the end of {self.log}:\n{tail(self.log)}")


def end_with_parent() -> Callable[[], None]:
    """What a child runs between fork and exec so that the kernel kills it with its parent."""
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before the kernel knew
            os._exit(1)

    return prepare


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, cut to 300 characters each."""
    if not log.exists():
        return "(no log)"
    return "\n".join(line[:300] for line in log.read_text(errors="replace").splitlines()[-lines:])
