"""Folders of clusters under the temp directory, and the removal of those whose owners are gone.

Every process that keeps a cluster up holds a shared lock (flock) on the file `lock` in its folder; the kernel lets go
of it when the process ends, however it ends. Who gets the lock for itself alone may remove the cluster's traces.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from tests.kube import traces


class Claim:
    """A cluster's folder, kept for as long as this object is open."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    def close(self) -> None:
        """Lets go of the folder, and leaves it to its other owners, or to `sweep`."""
        os.close(self._descriptor)

    def release(self) -> None:
        """Removes all that the cluster left, its folder last, unless somebody else keeps it up."""
        if _alone(self._descriptor):
            _remove(self.folder)
        self.close()


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
    return join(Path(tempfile.mkdtemp(prefix=f"{tier}-", dir=root()))) or claim(tier)


def claim_named(name: str) -> Claim:
    """The folder of that name for a cluster. Raises FileExistsError where a process keeps it already."""
    sweep()
    folder = root() / name
    folder.mkdir(mode=0o700)
    return join(folder) or claim_named(name)


def join(folder: Path) -> Claim | None:
    """Keeps a folder too; None where somebody removes it at this moment."""
    descriptor = _open(folder)
    if descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if not (folder / "lock").exists():
        os.close(descriptor)
        return None
    return Claim(folder, descriptor)


def is_kept(folder: Path) -> bool:
    """Whether a process keeps this folder's cluster up."""
    descriptor = _open(folder)
    if descriptor is None:
        return False
    try:
        return not _alone(descriptor)
    finally:
        os.close(descriptor)


def sweep() -> list[Path]:
    """Removes the folders and cgroups of clusters whose owners are gone; returns the folders."""
    gone = []
    for folder in sorted(root().iterdir()):
        descriptor = _open(folder)
        if descriptor is None:
            continue
        if _alone(descriptor) and _remove(folder):
            gone.append(folder)
        os.close(descriptor)
    return gone


def _open(folder: Path) -> int | None:
    try:
        return os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _alone(descriptor: int) -> bool:
    """Takes the lock exclusively, if nobody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(folder: Path) -> bool:
    """Removes a cluster's traces, then its folder. A cgroup that won't go yet leaves the folder to the next sweep."""
    if not traces.remove(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True
