"""The first process in a node's namespaces: makes the network, starts every program, and ends with them.

Run by the supervisor as `unshare … python -m tests.kube.inside FOLDER IMAGE.tar…`; as process 1 it also reaps what its
programs leave behind, and the kernel kills everything in the namespaces when it ends.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kube import build, components, controlplane, nodefiles
from tests.kube.cluster import Cluster
from tests.kube.components import Site
from tests.kube.running import Running
from tests.kube.waiting import wait

READY = "ready"  # written into the folder once the node is
HIDDEN = (Path("/run"), Path("/var/log"))  # covered by a folder in memory: what a node writes there, it leaves there
_MACHINE_LIB = Path("/run/machine-lib")
_NODE_LIB = ("cni", "containerd", "kubelet")


def main() -> None:
    folder = Path(sys.argv[1])
    # The control plane programs and the node's stop with this process: nothing outlives process 1.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for path in HIDDEN:
        _run("mount", "-t", "tmpfs", "tmpfs", str(path))
    _cover_lib()
    _network()
    programs = _start(site(folder), [Path(word) for word in sys.argv[2:]])
    (folder / READY).touch()
    sys.exit(_reap_until_one_ends(programs))


def site(folder: Path) -> Site:
    """A node has ports of its own: always the same."""
    binaries = build.binaries((), print)
    return Site(folder, binaries, port=6443, etcd_port=2379, etcd_peer_port=2380, address=nodefiles.ADDRESS)


def _cover_lib() -> None:
    """The same for /var/lib, with links to what the machine has there, for programs may live in it; but never to the
    directories that a node writes to."""
    _MACHINE_LIB.mkdir()
    _run("mount", "--rbind", "/var/lib", str(_MACHINE_LIB))
    _run("mount", "-t", "tmpfs", "tmpfs", "/var/lib")
    for entry in _MACHINE_LIB.iterdir():
        if entry.name not in _NODE_LIB:
            (Path("/var/lib") / entry.name).symlink_to(entry)


def _network() -> None:
    """The node's address on a link of its own: the API server does not advertise a loopback address."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "renv0", "type", "veth", "peer", "name", "renv1")
    _run("ip", "address", "add", f"{nodefiles.ADDRESS}/24", "dev", "renv0")
    for link in ("renv0", "renv1"):
        _run("ip", "link", "set", link, "up")
    # kube-proxy turns what goes to a Service to a pod, but only what has a route.
    _run("ip", "route", "add", components.SERVICES, "dev", "renv0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _start(site: Site, images: Sequence[Path]) -> list[Running]:
    nodefiles.write(site)
    containerd = Running(["containerd", f"--config={site.folder}/containerd.toml"], site.log("containerd"))
    stopping: list[Callable[[], None]] = []
    programs = controlplane.run(site, stopping, nodes=True)
    programs.append(Running(components.kube_scheduler(site), site.log("kube-scheduler")))
    programs.append(Running(components.kube_proxy(site), site.log("kube-proxy")))
    wait(lambda: _answers(containerd, site), f"containerd to answer (its log: {containerd.log})", timeout=60)
    for image in images:
        _run(*nodefiles.importing(site.folder), str(image))
    kubelet = Running(components.kubelet(site), site.log("kubelet"))
    wait(lambda: _is_ready(kubelet, site), f"the node to be Ready (its log: {kubelet.log})", timeout=120)
    return [*programs, containerd, kubelet]


def _answers(containerd: Running, site: Site) -> bool:
    containerd.expect_alive()
    return subprocess.run(nodefiles.ctr(site.folder, "version"), capture_output=True, check=False).returncode == 0


def _is_ready(kubelet: Running, site: Site) -> bool:
    kubelet.expect_alive()
    cluster = Cluster("node", site.folder, site.kubeconfig("admin"), site.server, site.pki / "ca.crt", site.binaries)
    conditions = cluster.get_json("node", "node1")["status"]["conditions"]
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _reap_until_one_ends(programs: Sequence[Running]) -> str:
    """Waits for the children, adopted ones too, until one of our own programs ends; the message says which."""
    names = {program.pid: program.name for program in programs}
    while True:
        pid, status = os.wait()
        if pid in names:
            return f"{names[pid]} ended with {os.waitstatus_to_exitcode(status)}"


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
