"""Starts a supervisor, and waits until its cluster answers."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.kube import cluster, supervisor
from tests.kube.cluster import Cluster, Tier
from tests.kube.running import tail
from tests.kube.waiting import Hopeless, wait

SUPERVISOR = "supervisor.pid"  # in the folder of a detached cluster
REPOSITORY = Path(__file__).parents[2]


def attached(tier: Tier, folder: Path, images: Sequence[Path] = ()) -> Cluster:
    """A cluster that ends with this process, or when it is stopped."""
    keeper = _launch(tier, folder, images, ["--with-stdin"])

    def stop() -> None:
        keeper.communicate(timeout=120)  # closes its stdin

    try:
        up = _await(keeper, folder)
    except BaseException:
        stop()
        raise
    up.stopping.append(stop)
    return up


def detached(tier: Tier, folder: Path, images: Sequence[Path] = ()) -> Cluster:
    """A cluster that stays up when this process has ended, until its supervisor receives SIGTERM."""
    keeper = _launch(tier, folder, images, [])
    (folder / SUPERVISOR).write_text(str(keeper.pid))
    try:
        up = _await(keeper, folder)
    except BaseException:
        keeper.terminate()
        keeper.wait(120)
        raise
    disown(keeper)
    return up


def disown(program: "subprocess.Popen[bytes]") -> None:
    """Lets a program go on without us: subprocess would warn of one that runs when its object goes."""
    program.returncode = 0


def _launch(tier: Tier, folder: Path, images: Sequence[Path], options: Sequence[str]) -> "subprocess.Popen[bytes]":
    supervised = ("tests.kube.supervisor", *options, tier, str(folder.resolve()), *map(str, images))
    argv = [sys.executable, "-m", *supervised]
    with (folder / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if options else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            start_new_session=True,
        )


def _await(keeper: "subprocess.Popen[bytes]", folder: Path) -> Cluster:
    def answer() -> Cluster | None:
        if (folder / supervisor.FAILURE).exists():
            raise Hopeless((folder / supervisor.FAILURE).read_text())
        if keeper.poll() is not None:
            raise Hopeless(f"its supervisor ended with {keeper.returncode}:\n{tail(folder / 'supervisor.log')}")
        return cluster.load(folder)

    return wait(answer, "the cluster", timeout=900)
