"""A cluster that stays up after the command that started it: the demo's. There is one at a time for each user."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.kube import cluster, launching, state, tiers
from tests.kube.cluster import Cluster, Tier
from tests.kube.launching import SUPERVISOR
from tests.kube.waiting import wait

_NAME = "demo"


class AlreadyUp(Exception):
    """Another tier's cluster is up; the message says how to take it down."""


def current() -> Cluster | None:
    """The cluster that is up."""
    folder = state.root() / _NAME
    return cluster.load(folder) if state.is_kept(folder) and (folder / "cluster.json").exists() else None


def up(tier: Tier, archives: Sequence[Path], progress: Callable[[str], None] = print) -> Cluster:
    """The standing cluster of that tier, started with these images if it is not up.

    Raises AlreadyUp, node.Unavailable, Hopeless, TimedOut.
    """
    if found := current():
        if found.tier != tier:
            raise AlreadyUp(f"a cluster of tier {found.tier} is up: take it down first (python -m tests.kube down)")
        return found
    claim = state.claim_named(_NAME)
    try:
        ready = tiers.prepared(tier, claim.folder, archives, progress)
        started = launching.detached(tier, claim.folder, ready)
        _write_wrapper(started)
        return started
    finally:
        claim.release()


def down() -> bool:
    """Takes the standing cluster down, and waits until nothing is left of it. False: there was none."""
    folder = state.root() / _NAME
    if not state.is_kept(folder):
        state.sweep()
        return False
    supervisor = int((folder / SUPERVISOR).read_text())
    with suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGTERM)
    wait(lambda: not state.is_kept(folder), "the cluster to be gone", timeout=120)
    wait(lambda: _has_ended(supervisor), "the cluster's supervisor to end")
    state.sweep()
    return True


def _has_ended(pid: int) -> bool:
    """Has a process ended? One whose parent has yet to notice has no command line any more."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


def keep(up: Cluster, name: str, argv: Sequence[str | Path], env: Mapping[str, str]) -> Path:
    """Keeps a program running beside a standing cluster, and starts it again when it ends; returns its log."""
    log = up.folder / f"{name}.log"
    keeper = [sys.executable, "-m", "tests.kube.keeper", str(up.folder), str(log), *up.reach, *map(str, argv)]
    started = subprocess.Popen(
        keeper,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=launching.REPOSITORY,
        env={**os.environ, **env},
        start_new_session=True,
    )
    launching.disown(started)
    (up.folder / f"{name}.pid").write_text(str(started.pid))
    return log


def wrapper(up: Cluster) -> Path:
    """The script that is kubectl, as the administrator, from any shell."""
    return up.folder / "kubectl"


def _write_wrapper(up: Cluster) -> None:
    path = wrapper(up)
    path.write_text(f'#!/bin/sh\nexec {shlex.join(up.kubectl_argv())} "$@"\n')
    path.chmod(0o700)
