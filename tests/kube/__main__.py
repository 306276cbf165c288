"""python -m tests.kube: build the programs, tell which tiers can run, keep a cluster up, take it down."""

import argparse
import os
import sys

from tests.kube import build, chart, images, node, operator_image, standing, state, tiers
from tests.kube.cluster import Cluster, Hopeless, Tier, TimedOut
from tests.kube.toolchain import NoToolchain

_FAILURES = (build.BuildFailed, NoToolchain, node.Unavailable, standing.AlreadyUp, Hopeless, TimedOut)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kube", description="A real Kubernetes on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build what is missing of the programs that the tiers of this machine need")
    verbs.add_parser("tiers", help="tell which tiers can run here, and why not")
    up = verbs.add_parser("up", help="start a cluster that stays up")
    up.add_argument(
        "--tier", choices=["control-plane", "node", "kind"], help="the fullest that can run here, unless said"
    )
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
    context = os.environ.get("RUNTIME_ENV_CONTEXT")
    needed: set[Tier] = {"context" if context else "control-plane"}
    needed |= set() if operator_image.pushed() else {tiers.fullest()}
    folder = build.binaries(sorted({*chart.HELMS, *(name for tier in needed for name in tiers.programs(tier))}), print)
    print(f"Kubernetes {build.version('k8s.io/kubernetes')}: {folder}")


def _tiers() -> None:
    context = os.environ.get("RUNTIME_ENV_CONTEXT")
    print(f"control-plane: {f'the cluster of context {context}' if context else 'can run'}")
    if image := operator_image.pushed():
        print(f"node: the same cluster, with {image}")
        return
    names: tuple[Tier, ...] = ("node", "kind")
    for tier in names:
        reason = tiers.lacking(tier)
        print(f"{tier}: can't run here: {reason}" if reason else f"{tier}: can run")


def _up(tier: Tier | None) -> None:
    claim = state.claim("images")
    try:
        wanted = tier or tiers.fullest()
        archives = [] if wanted == "control-plane" else [images.busybox(claim.folder)]
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
