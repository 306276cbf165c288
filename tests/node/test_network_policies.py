"""The chart's NetworkPolicies, enforced: what they name goes through, and nothing else does."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import builders
from tests.kube import network_policies
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.fixtures import note, teller
from tests.kube.operator_pods import NAMES, OperatorPods
from tests.node import pods

SHUT, SERVER, EXTRA = 7777, 6443, 7778  # where the friend's pod listens; the second is the API server's port, too
LISTEN = f"for port in {SHUT} {SERVER} {EXTRA}; do /bin/busybox httpd -p $port; done; exec sleep 86400"
CONNECT = """
import socket, sys
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), 10)
    except (ConnectionRefusedError, TimeoutError):
        continue
    print(port)
"""


@pytest.fixture(scope="module")
def guardable(node: Cluster, pytestconfig: pytest.Config) -> None:
    """Skips where nothing can enforce policies."""
    if reason := network_policies.lacking(node):
        note(pytestconfig, "NetworkPolicies", f"can't be enforced here: {reason}")
        pytest.skip(f"NetworkPolicies can't be enforced here: {reason}")


@dataclass(frozen=True)
class Network:
    """A pod `probe` of a tenant, and one of a friend, whom the policies name; the processes that both try to reach."""

    node: Cluster
    operator_pods: OperatorPods
    tenant: str
    friend: str

    def connects(self, namespace: str, host: str, port: int) -> bool:
        """Does a TCP connection from that namespace's pod come about?"""
        argv = ("nc", "-w", "10", host, str(port), "-e", "/bin/true")
        done = self.node.kubectl("exec", "probe", "-n", namespace, "--", *argv, check=False)
        assert done.code == 0 or "nc: " in done.err, done.err
        return done.code == 0

    def who_connects(self, host: str, port: int) -> list[str]:
        return [namespace for namespace in (self.tenant, self.friend) if self.connects(namespace, host, port)]

    def place(self, name: str, port: str) -> tuple[str, int]:
        """The address of a pod that runs a process, and its port of that name."""
        label = f"app.kubernetes.io/component={name}"
        found: list[Any] = self.node.get_json("pods", "-n", NAMESPACE, "-l", label)["items"]
        pod = next(pod for pod in found if "deletionTimestamp" not in pod["metadata"])
        ports = {listed["name"]: listed["containerPort"] for listed in pod["spec"]["containers"][0]["ports"]}
        return pod["status"]["podIP"], ports[port]

    def api(self) -> tuple[str, int]:
        """The address and port of the API's Service."""
        spec = self.node.get_json("service", "runtime-env-api", "-n", NAMESPACE)["spec"]
        return spec["clusterIP"], spec["ports"][0]["port"]

    def probe(self) -> str:
        """The address of the friend's pod."""
        return str(self.node.get_json("pod", "probe", "-n", self.friend)["status"]["podIP"])

    def reaches(self, name: str, host: str, *ports: int) -> list[int]:
        """The ports to which a TCP connection from a pod of that process comes about."""
        program = ("python3", "-c", CONNECT, host, *map(str, ports))
        printed = self.node.kubectl("exec", f"deployment/runtime-env-{name}", "-n", NAMESPACE, "--", *program).out
        return [int(port) for port in printed.split()]

    def scraped(self) -> list[list[str]]:
        """Who connects to the port of metrics of each process."""
        return [self.who_connects(*self.place(name, "probes")) for name in NAMES]

    def reached(self) -> list[list[int]]:
        """The ports of the friend's pod that each process reaches."""
        ip = self.probe()
        return [self.reaches(name, ip, SHUT, SERVER, EXTRA) for name in NAMES]

    def policies(self, **server: Any) -> dict[str, Any]:
        """The chart's values that name the friend, and the API server unless told otherwise."""
        friend = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.friend}}}
        [endpoints] = self.node.get_json("endpoints", "kubernetes", "-n", "default")["subsets"]
        cidrs = [f"{address['ip']}/32" for address in endpoints["addresses"]]
        server = {"cidrs": cidrs, "ports": [port["port"] for port in endpoints["ports"]], **server}
        extra = [{"to": [friend], "ports": [{"protocol": "TCP", "port": EXTRA}]}]
        named = {"metricsFrom": [friend], "apiFrom": [friend], "extraEgress": extra}
        return {"networkPolicy": {"enabled": True, "apiServer": server, **named}}


@pytest.fixture(scope="module")
def network(
    node: Cluster,
    operator_pods: OperatorPods,
    guardable: None,  # noqa: ARG001 - it must be so
    pytestconfig: pytest.Config,
) -> Iterator[Network]:
    """Guarded; before it was, each of these connections came about, and afterwards the node is as it was."""
    mark = secrets.token_hex(3)
    with (
        pods.enrolled(node, f"shut-{mark}", f"tenant-{mark}") as tenant,
        pods.enrolled(node, f"friend-{mark}", f"friend-{mark}") as friend,
    ):
        for namespace in (tenant, friend):
            pods.start(node, pods.pod(f"{namespace}/probe", containers=[pods.container(command=("sh", "-c", LISTEN))]))
        made = Network(node, operator_pods, tenant, friend)
        both = [tenant, friend]
        assert made.scraped() == [both] * 3
        assert made.who_connects(*made.api()) == both
        assert made.reached() == [[SHUT, SERVER, EXTRA]] * 3
        before = network_policies.tables(node)
        with network_policies.enforced(node, teller(pytestconfig)) as controller:
            try:
                operator_pods.upgrade(made.policies())
                controller.expect_alive()
                wait(lambda: made.scraped() == [[friend]] * 3, "the policies to be enforced")
                yield made
            finally:
                operator_pods.upgrade()
        assert network_policies.tables(node) == before


def test_only_who_is_named_reaches_the_metrics(network: Network) -> None:
    assert network.scraped() == [[network.friend]] * 3


def test_only_who_is_named_reaches_the_api_through_its_service(network: Network) -> None:
    assert network.who_connects(*network.api()) == [network.friend]


def test_the_webhooks_port_is_open_to_all(network: Network) -> None:
    assert network.who_connects(*network.place("webhook", "https")) == [network.tenant, network.friend]


def test_of_other_pods_the_processes_reach_what_extra_egress_names_alone(network: Network) -> None:
    assert network.reached() == [[EXTRA]] * 3
    assert network.connects(network.tenant, network.probe(), SHUT), "others still reach it"


@pytest.mark.parametrize("name", NAMES)
def test_the_processes_reach_the_api_server(network: Network, name: str) -> None:
    server = network.node.get_json("service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    assert network.reaches(name, server, 443) == [443]


def test_what_comes_from_the_pods_own_node_passes(network: Network) -> None:
    for name in NAMES:
        ip, port = network.place(name, "probes")
        url = f"http://{ip}:{port}/readyz"
        subprocess.run([*network.node.reach, "curl", "--silent", "--fail", url], capture_output=True, check=True)


def test_processes_that_start_behind_the_policies_seal_materialize_and_inject(network: Network) -> None:
    node, tenant = network.node, network.tenant
    network.operator_pods.kubectl("rollout", "restart", "deployment")
    for name in NAMES:
        rollout = ("rollout", "status", f"deployment/runtime-env-{name}", "--timeout=180s")
        network.operator_pods.kubectl(*rollout, timeout=200)
    pods.define(node, builders.variable(f"{tenant}/greeting", "GREETING", value="hello"))
    assert "value" not in node.get_json("rvar", "greeting", "-n", tenant)["spec"]
    pods.start(node, pods.pod(f"{tenant}/agent", {pods.TARGET_LABEL: "agent"}))
    assert pods.environment(node, tenant, "agent")["GREETING"] == "hello"
    wait(lambda: network.scraped() == [[network.friend]] * 3, "the new pods to be guarded")


# The last, for it leaves the policies so.
def test_without_cidrs_the_processes_reach_the_api_servers_ports_everywhere(network: Network) -> None:
    network.operator_pods.upgrade(network.policies(cidrs=[]))
    wait(lambda: network.reached() == [[SERVER, EXTRA]] * 3, "the API server's ports to open")
