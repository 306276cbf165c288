"""Tier "control-plane": etcd, kube-apiserver and kube-controller-manager on loopback, as any user."""

import http.client
import random
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from tests.kube import build, components
from tests.kube.cluster import Cluster
from tests.kube.components import Site
from tests.kube.running import Running
from tests.kube.waiting import Hopeless, wait

PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager")


def start(folder: Path, progress: Callable[[str], None] = print) -> Cluster:
    """A control plane of its own, its state in `folder`. Webhooks are reached by `clientConfig.url` on 127.0.0.1."""
    return started(folder, progress)[0]


def started(folder: Path, progress: Callable[[str], None]) -> tuple[Cluster, list[Running]]:
    """A control plane, and its programs."""
    folder = folder.resolve()
    binaries = build.binaries(PROGRAMS, progress)
    port, etcd_port, etcd_peer_port = free_ports(3)
    site = Site(folder, binaries, port, etcd_port, etcd_peer_port)
    cluster = Cluster(
        tier="control-plane",
        folder=folder,
        kubeconfig=site.kubeconfig("admin"),
        server=site.server,
        ca=site.pki / "ca.crt",
        binaries=binaries,
    )
    try:
        return cluster, run(site, cluster.stopping, nodes=False)
    except BaseException:
        cluster.stop()
        raise


def run(site: Site, stopping: list[Callable[[], None]], *, nodes: bool) -> list[Running]:
    """Starts the programs, and puts how each is stopped into `stopping`: the API server before etcd, or it lingers."""
    components.prepare(site)
    etcd = Running(components.etcd(site), site.log("etcd"))
    stopping.append(etcd.stop)
    apiserver = Running(components.kube_apiserver(site), site.log("kube-apiserver"))
    stopping.append(apiserver.stop)

    def ready() -> bool:
        etcd.expect_alive()
        apiserver.expect_alive()
        return _answers(site)

    wait(ready, f"kube-apiserver to be ready (its log: {apiserver.log})", timeout=120)
    argv = components.kube_controller_manager(site, nodes=nodes)
    controllers = Running(argv, site.log("kube-controller-manager"))
    stopping.append(controllers.stop)
    return [etcd, apiserver, controllers]


def _answers(site: Site) -> bool:
    context = ssl.create_default_context(cafile=site.pki / "ca.crt")
    context.load_cert_chain(site.pki / "admin.crt", site.pki / "admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, below the range that outgoing connections are given theirs from."""
    found: list[int] = []
    for port in random.sample(range(20000, 30000), 500):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise Hopeless("no free port on 127.0.0.1 between 20000 and 30000")
