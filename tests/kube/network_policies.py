"""A real controller of NetworkPolicies beside a node: kube-router's, by iptables and ipset in the node's network."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.kube import build
from tests.kube.cluster import Cluster, Running
from tests.kube.components import SERVICES

NAME = "network-policies"
# All that the controller asks of the kernel, tried in a network that is gone at once.
_PROBE = "ipset create probe hash:net && iptables -A FORWARD -m set --match-set probe src -j REJECT"


def lacking(cluster: Cluster) -> str | None:
    """Why policies can't be enforced there, as a clause; None where they can."""
    if cluster.tier != "node":
        return f"tier {cluster.tier} has a network that is not ours to guard"
    if shutil.which("ipset") is None:
        return "it lacks ipset: apt-get install ipset"
    probe = subprocess.run(["unshare", "--net", "sh", "-c", _PROBE], capture_output=True, text=True, check=False)
    return f"the kernel refuses ip sets ({probe.stderr.strip()})" if probe.returncode != 0 else None


@contextmanager
def enforced(cluster: Cluster, progress: Callable[[str], None] = print) -> Iterator[Running]:
    """Has the node's pods guarded until the block ends."""
    program = build.binaries([NAME], progress) / NAME
    argv = [str(program), f"--kubeconfig={cluster.kubeconfig}", "--node=node1", f"--services={SERVICES}"]
    running = cluster.spawn(argv, env={}, log=cluster.folder / f"{NAME}.log")
    try:
        yield running
    finally:
        running.stop()


def tables(cluster: Cluster) -> list[str]:
    """The chains, rules and sets of the node's network, without counters."""
    printed = [
        subprocess.run([*cluster.reach, *argv], capture_output=True, text=True, check=True).stdout
        for argv in (("iptables", "-S"), ("ipset", "list", "-name"))
    ]
    return "".join(printed).splitlines()
