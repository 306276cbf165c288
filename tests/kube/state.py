"""Folders of clusters under the temp directory, and the removal of those whose owner is gone."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from tests.kube import traces


class Claim:
    """A cluster's folder, owned for as long as a process holds the lock in it (also by an inherited descriptor)."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self.descriptor = descriptor

    def let_go(self) -> None:
        """Ends this process's hold, and leaves the folder to whoever inherited the descriptor, or to `sweep`."""
        os.close(self.descriptor)

    def release(self) -> None:
        """Removes what the cluster left on the machine, then its folder; what won't go yet waits for the next sweep."""
        if traces.remove(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
        self.let_go()


def root() -> Path:
    """The folder that holds the clusters of this user; nobody else may write there."""
    path = Path(tempfile.gettempdir()).resolve() / f"runtime-env-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.stat(follow_symlinks=False)
    if path.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{path} belongs to somebody else, or others can write to it: remove it, or set TMPDIR")
    return path


def claim(tier: str) -> Claim:
    """A new folder for a cluster. What dead runs left goes first."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{tier}-", dir=root()))
    descriptor = _lock(folder)
    if descriptor is None:  # swept between its creation and its lock
        return claim(tier)
    return Claim(folder, descriptor)


def claimed() -> list[Path]:
    """The folders whose owner is alive."""
    found = []
    for folder in sorted(root().iterdir()):
        descriptor = _lock(folder)
        if descriptor is None:
            found.append(folder)
        else:
            os.close(descriptor)
    return found


def sweep() -> list[Path]:
    """Removes the folders, cgroups and directories of clusters whose owner is gone; returns the folders."""
    gone = []
    for folder in sorted(root().iterdir()):
        descriptor = _lock(folder)
        if descriptor is not None:
            Claim(folder, descriptor).release()
            gone.append(folder)
    return gone


def _lock(folder: Path) -> int | None:
    """An open descriptor that holds the folder's lock; None while another process does, or where the folder is gone."""
    try:
        descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if not folder.exists():  # removed by the lock's last holder
        os.close(descriptor)
        return None
    return descriptor
