"""python -m tests.kube: build the programs, tell which tiers can run, keep a cluster up, take it down."""

import argparse
import os
import sys

from tests.kube import build, controlplane, images, node, standing, state
from tests.kube.cluster import Cluster, Hopeless, Tier, TimedOut
from tests.kube.toolchain import NoToolchain

_FAILURES = (build.BuildFailed, NoToolchain, node.Unavailable, standing.AlreadyUp, Hopeless, TimedOut)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kube", description="A real Kubernetes on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build what is missing of the programs that the tiers of this machine need")
    verbs.add_parser("tiers", help="tell which tiers can run here, and why not")
    up = verbs.add_parser("up", help="start a cluster that stays up")
    up.add_argument("--tier", choices=["control-plane", "node"], help="the fullest that can run here, unless said")
    verbs.add_parser("down", help="take the cluster down, with all that it and interrupted runs left")
    verbs.add_parser("status", help="tell whether a cluster is up, and how to use it")
    wanted = parser.parse_args()
    try:
        {"build": _build, "tiers": _tiers, "down": _down, "status": _status}.get(
            wanted.verb, lambda: _up(wanted.tier)
        )()
    except _FAILURES as failure:
        sys.exit(str(failure))


def _build() -> None:
    wanted = node.PROGRAMS if fullest() == "node" else (*controlplane.PROGRAMS, "helm")
    folder = build.binaries(["kubectl", "helm"] if os.environ.get("RUNTIME_ENV_CONTEXT") else wanted, print)
    print(f"Kubernetes {build.version('k8s.io/kubernetes')}: {folder}")


def _tiers() -> None:
    context = os.environ.get("RUNTIME_ENV_CONTEXT")
    print(f"control-plane: {f'the cluster of context {context}' if context else 'can run'}")
    print(f"node: {lacking_for_node() or 'can run'}")


def fullest() -> Tier:
    """The tier that shows most of what can run here."""
    return "control-plane" if lacking_for_node() else "node"


def lacking_for_node() -> str | None:
    """Why a node can't run here."""
    try:
        node.check()
    except node.Unavailable as reason:
        return f"can't run here: {reason}"
    return None


def _up(tier: Tier | None) -> None:
    claim = state.claim("images")
    try:
        wanted = tier or fullest()
        archives = [images.busybox(claim.folder)] if wanted == "node" else []
        _tell(standing.up(wanted, archives))
    finally:
        claim.release()


def _status() -> None:
    found = standing.current()
    if found is None:
        sys.exit("no cluster is up: python -m tests.kube up")
    _tell(found)


def _tell(found: Cluster) -> None:
    print(f"a cluster of tier {found.tier} is up: Kubernetes {found.version()}, its state in {found.folder}")
    print(f"    {standing.wrapper(found)} get namespaces")


def _down() -> None:
    print("the cluster is down" if standing.down() else "no cluster was up")


if __name__ == "__main__":
    main()
