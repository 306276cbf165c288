"""Tier "node": a whole Kubernetes of one node, in network, mount and process namespaces of its own; for root alone."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kube import build, images, launching, nodefiles
from tests.kube.cluster import Cluster
from tests.kube.inside import HIDDEN

PROGRAMS = tuple(build.RECIPES)
_PACKAGES = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "nft": "nftables",
}


class Unavailable(Exception):
    """This tier can't run here; the message says what is missing, and how to mend it."""


def check() -> None:
    """Raises Unavailable where a node can't run."""
    if os.geteuid() != 0:
        raise Unavailable("it needs root, for network, mount and process namespaces: run it with sudo")
    missing = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    if nodefiles.plugins() is None:
        missing.append("containernetworking-plugins")
    if not images.usable():
        missing.append("busybox-static")
    if missing:
        packages = " ".join(dict.fromkeys(missing))
        raise Unavailable(f"it lacks {packages}: apt-get install {packages}")


def start(folder: Path, archives: Sequence[Path], progress: Callable[[str], None] = print) -> Cluster:
    """A node with the images of these tar files; it ends with this process. Raises Unavailable, TimedOut, Hopeless."""
    return launching.attached("node", *prepared(folder, archives, progress))


def prepared(folder: Path, archives: Sequence[Path], progress: Callable[[str], None]) -> tuple[Path, list[Path]]:
    """The folder and the images of a node that can start: checked, programs built, pause image made."""
    check()
    folder = folder.resolve()
    if any(folder.is_relative_to(hidden) for hidden in HIDDEN):
        raise Unavailable(f"its folder {folder} is in /run or /var/log, which a node covers: set TMPDIR to another")
    build.binaries(PROGRAMS, progress)
    return folder, [images.pause(folder), *archives]
