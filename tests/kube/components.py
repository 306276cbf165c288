"""The command lines of Kubernetes' programs (kubernetes.io/docs/reference/command-line-tools-reference)."""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

from tests.kube import pki

SERVICES = "10.0.0.0/24"  # cluster IPs; .1 is the API server's own Service
API_SERVICE = "10.0.0.1"


@dataclass(frozen=True)
class Site:
    """Where one cluster lives: its folder, its programs, its ports, and its node's address if it has a node."""

    folder: Path
    binaries: Path
    port: int
    etcd_port: int
    etcd_peer_port: int
    address: str | None = None

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def kubeconfig(self, name: str) -> Path:
        return self.folder / f"{name}.kubeconfig"


def prepare(site: Site) -> None:
    """Writes the certificates, the kubeconfigs and the encryption configuration of a new cluster."""
    authority = pki.Authority(site.pki)
    names = ["127.0.0.1", API_SERVICE, "localhost", "kubernetes.default.svc", *filter(None, [site.address])]
    authority.issue("apiserver", "kube-apiserver", hosts=names)
    authority.issue("kubelet-client", "kubelet-client", group="system:masters")
    authority.issue("front-proxy", "front-proxy")
    pki.service_account_keys(site.pki)
    users: dict[str, tuple[str, str | None]] = {"admin": ("admin", "system:masters")}
    users |= {name: (f"system:{name}", None) for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy")}
    users |= {"kubelet": ("system:node:node1", "system:nodes")}
    for name, (user, group) in users.items():
        authority.issue(name, user, group)
        credentials = pki.client_certificate(site.pki, name)
        pki.kubeconfig(site.kubeconfig(name), site.server, authority.certificate, credentials)
    pki.write_private(site.folder / "encryption.json", json.dumps(_encryption()).encode())


def _encryption() -> object:
    """Secrets are encrypted at rest, so etcd's files can be searched: no value may be found there."""
    key = {"name": "key", "secret": base64.b64encode(os.urandom(32)).decode()}
    providers = [{"secretbox": {"keys": [key]}}, {"identity": {}}]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": providers}],
    }


def etcd(site: Site) -> list[str]:
    client, peer = f"http://127.0.0.1:{site.etcd_port}", f"http://127.0.0.1:{site.etcd_peer_port}"
    return [
        f"{site.binaries}/etcd",
        f"--data-dir={site.folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(site: Site) -> list[str]:
    return [
        f"{site.binaries}/kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{site.etcd_port}",
        f"--secure-port={site.port}",
        *_addresses(site),
        f"--encryption-provider-config={site.folder}/encryption.json",
        f"--service-cluster-ip-range={SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={site.pki}/sa.pub",
        f"--service-account-signing-key-file={site.pki}/sa.key",
        f"--client-ca-file={site.pki}/ca.crt",
        f"--tls-cert-file={site.pki}/apiserver.crt",
        f"--tls-private-key-file={site.pki}/apiserver.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--kubelet-client-certificate={site.pki}/kubelet-client.crt",
        f"--kubelet-client-key={site.pki}/kubelet-client.key",
        f"--proxy-client-cert-file={site.pki}/front-proxy.crt",
        f"--proxy-client-key-file={site.pki}/front-proxy.key",
        f"--requestheader-client-ca-file={site.pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--enable-aggregator-routing",  # calls a Service's webhook at its pod's address: no kube-proxy on the way
    ]


def _addresses(site: Site) -> list[str]:
    if site.address is None:  # the advertised address may not be loopback, so nobody is told it
        return ["--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none", "--bind-address=127.0.0.1"]
    return [
        f"--advertise-address={site.address}",
        "--bind-address=0.0.0.0",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def kube_controller_manager(site: Site, *, nodes: bool) -> list[str]:
    """Garbage collection, namespaces, default service accounts, Deployments, Jobs; with `nodes` pod addresses too."""
    return [
        f"{site.binaries}/kube-controller-manager",
        *_client(site, "kube-controller-manager"),
        f"--root-ca-file={site.pki}/ca.crt",
        f"--service-account-private-key-file={site.pki}/sa.key",
        f"--cluster-signing-cert-file={site.pki}/ca.crt",
        f"--cluster-signing-key-file={site.pki}/ca.key",
        "--use-service-account-credentials",
        "--kube-api-qps=500",  # with the default of 20, it takes 5 s to begin
        "--kube-api-burst=500",
        "--leader-elect=false",
        *(["--allocate-node-cidrs", "--cluster-cidr=10.98.0.0/16"] if nodes else []),
        *_loopback(nodes),
    ]


def kube_scheduler(site: Site) -> list[str]:
    program = f"{site.binaries}/kube-scheduler"
    return [program, *_client(site, "kube-scheduler"), "--leader-elect=false", *_loopback(True)]


def _client(site: Site, name: str) -> list[str]:
    flags = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return [f"--{flag}={site.kubeconfig(name)}" for flag in flags]


def _loopback(serves: bool) -> list[str]:
    """Serve metrics on loopback, or not at all where the port could be another cluster's."""
    return ["--bind-address=127.0.0.1", *([] if serves else ["--secure-port=0"])]


def kubelet(site: Site) -> list[str]:
    return [
        f"{site.binaries}/kubelet",
        f"--config={site.folder}/kubelet.json",
        f"--kubeconfig={site.kubeconfig('kubelet')}",
        "--hostname-override=node1",
        f"--node-ip={site.address}",
        f"--root-dir={site.folder}/kubelet",
        f"--cert-dir={site.folder}/kubelet-pki",
    ]


def kube_proxy(site: Site) -> list[str]:
    return [f"{site.binaries}/kube-proxy", f"--config={site.folder}/kube-proxy.json"]
