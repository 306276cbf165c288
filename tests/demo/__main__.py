"""python -m tests.demo up | down."""

import argparse
import shutil
import sys
import time

from tests.demo import ground
from tests.demo.narrator import CommandFailed, Narrator
from tests.demo.story import Story
from tests.kube import build, kind, node, standing
from tests.kube.chart import ChartFailed
from tests.kube.cluster import Cluster, Hopeless, KubectlFailed, Tier, TimedOut
from tests.kube.operator_image import ImageFailed
from tests.kube.toolchain import NoToolchain

_FAILURES = (
    build.BuildFailed,
    NoToolchain,
    ImageFailed,
    ChartFailed,
    kind.KindFailed,
    node.Unavailable,
    standing.AlreadyUp,
    Hopeless,
    KubectlFailed,
    TimedOut,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description="The main job, narrated.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    shows = verbs.add_parser("up", help="show it, and leave the cluster up")
    shows.add_argument("--control-plane", action="store_true", help="show it without a node, even where one can run")
    verbs.add_parser("down", help="take the cluster away")
    wanted = parser.parse_args()
    if wanted.verb == "down":
        print("The demo's cluster is down." if standing.down() else "No cluster of the demo was up.")
        return
    try:
        up("control-plane" if wanted.control_plane else None)
    except _FAILURES as failure:
        sys.exit(f"{failure}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What is up already stays up: make demo goes on with it, make demo-down takes it away.")


def up(wanted: Tier | None) -> None:
    """Brings up what is missing, tells the story, and leaves the cluster up."""
    if shutil.which("curl") is None:
        sys.exit("curl is missing, with which the demo speaks to the REST API: apt-get install curl")
    began = time.monotonic()
    tier, reason = (wanted, "") if wanted else ground.tier()
    if reason:
        print(f"A node can't run here: {reason}.\nThe demo shows a control plane, and what pods would get.\n")
    cluster = ground.prepare(tier, lambda text: print(text, flush=True))
    ground.clear(cluster)
    commands = ground.commands(cluster)
    print(f"A Kubernetes {cluster.version()} is up, and Runtime Env on it: {time.monotonic() - began:.0f} s.")
    narrator = Narrator(ground.REPOSITORY, commands)
    try:
        Story(
            narrator,
            ground.api(cluster),
            pods_run=tier != "control-plane",
            etcd=str(cluster.folder / "etcd") if cluster.etcd_files() else "",
        ).whole()
    except CommandFailed as failure:
        sys.exit(f"\nThe demo failed: {failure}\nThe cluster is still up; its logs are in {cluster.folder}.")
    print(f"\nDone in {time.monotonic() - began:.0f} s. {_farewell(cluster, str(commands))}")


def _farewell(cluster: Cluster, commands: str) -> str:
    return (
        f"The cluster stays up (state and logs: {cluster.folder}). To use it:\n"
        f"    export PATH={commands}:$PATH\n"
        f"    kubectl get rvar,renv -A\n"
        f"Take it down with: make demo-down"
    )


if __name__ == "__main__":
    main()
