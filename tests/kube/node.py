"""Tier "node": a whole Kubernetes of one node, in network, mount and process namespaces of its own; for root alone."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kube import build, controlplane, images, launching, nodefiles, traces
from tests.kube.cluster import Cluster
from tests.kube.inside import HIDDEN
from tests.kube.supervisor import UNSHARE

PROGRAMS = (*controlplane.PROGRAMS, "kube-scheduler", "kubelet", "kube-proxy", "helm")
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


def lacking() -> str | None:
    """Why a node can't run here, as a clause that names the mend; None where it can."""
    if os.geteuid() != 0:
        return "it needs root, for network, mount and process namespaces: run it with sudo"
    missing = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    if nodefiles.plugins() is None:
        missing.append("containernetworking-plugins")
    if not images.usable():
        missing.append("busybox-static")
    if missing:
        packages = " ".join(dict.fromkeys(missing))
        return f"it lacks {packages}: apt-get install {packages}"
    return _refused()


def _refused() -> str | None:
    """What the kernel refuses to this root, as it does in a container without privileges."""
    probe = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return f"the kernel refuses new namespaces ({probe.stderr.strip()}): in a container, run it with --privileged"
    if not any(os.access(hierarchy, os.W_OK) for hierarchy in traces.hierarchies()):
        return "control groups are read-only here: in a container, run it with --privileged"
    return None


def check() -> None:
    """Raises Unavailable where a node can't run."""
    if reason := lacking():
        raise Unavailable(reason)


def start(folder: Path, archives: Sequence[Path], progress: Callable[[str], None] = print) -> Cluster:
    """A node with the images of these tar files; it ends with this process. Raises Unavailable, TimedOut, Hopeless."""
    build.binaries(PROGRAMS, progress)
    return launching.attached("node", folder, prepared(folder, archives))


def prepared(folder: Path, archives: Sequence[Path]) -> list[Path]:
    """The images that a node starts with: these and the pause image, written into its folder. Raises Unavailable."""
    check()
    if any(folder.resolve().is_relative_to(hidden) for hidden in HIDDEN):
        raise Unavailable(f"its folder {folder} is in /run or /var/log, which a node covers: set TMPDIR to another")
    return [images.pause(folder), *archives]
