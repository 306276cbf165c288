"""What a node leaves outside its folder even when everything in it is killed: control groups."""

import hashlib
import os
from pathlib import Path

from tests.kube.waiting import TimedOut, wait

_CGROUPS = Path("/sys/fs/cgroup")


def group(folder: Path) -> str:
    """The name of the cgroup that holds a node's pods, one in each hierarchy; two nodes of one name don't share it."""
    return f"renv-{folder.name}-{hashlib.sha256(bytes(folder.absolute())).hexdigest()[:8]}"


def hierarchies() -> list[Path]:
    """The roots of the cgroup hierarchies: one on cgroup v2, one for each controller on v1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in sorted(_CGROUPS.glob("*/")) if os.access(path, os.W_OK)]


def make_groups(folder: Path) -> None:
    """Makes the node's cgroup in every hierarchy."""
    for hierarchy in hierarchies():
        (hierarchy / group(folder)).mkdir(exist_ok=True)


def remove(folder: Path) -> bool:
    """Removes the cgroups of a node whose processes are gone; False where one won't go."""
    try:
        wait(lambda: _groups_removed(folder), f"the cgroups of {folder.name} to empty", timeout=10)
    except TimedOut:
        return False
    return True


def _groups_removed(folder: Path) -> bool:
    tops = [hierarchy / group(folder) for hierarchy in hierarchies()]
    for top in filter(Path.exists, tops):
        for directory, _, _ in os.walk(top, topdown=False):
            Path(directory).rmdir()
    return True
