"""The command lines and configuration files of a cluster's programs."""

import json
from pathlib import Path

import pytest

from tests.kube import components, controlplane, nodefiles, traces
from tests.kube.components import Site


@pytest.fixture
def alone(tmp_path: Path) -> Site:
    return Site(tmp_path, Path("/programs"), port=20001, etcd_port=20002, etcd_peer_port=20003)


@pytest.fixture
def with_node(tmp_path: Path) -> Site:
    return Site(tmp_path, Path("/programs"), 6443, 2379, 2380, nodefiles.ADDRESS)


def test_a_control_plane_alone_listens_on_loopback_only(alone: Site) -> None:
    assert "--bind-address=127.0.0.1" in components.kube_apiserver(alone)
    urls = [word for word in components.etcd(alone) if "://" in word]
    assert urls
    assert all("http://127.0.0.1:" in word for word in urls)


def test_a_node_s_api_server_is_told_the_address_of_the_node(with_node: Site) -> None:
    assert f"--advertise-address={nodefiles.ADDRESS}" in components.kube_apiserver(with_node)


def test_secrets_are_encrypted_before_anything_else_is_tried(alone: Site) -> None:
    components.prepare(alone)
    (rule,) = json.loads((alone.folder / "encryption.json").read_text())["resources"]
    assert rule["resources"] == ["secrets"]
    assert [next(iter(provider)) for provider in rule["providers"]] == ["secretbox", "identity"]


def test_two_clusters_encrypt_under_different_keys(tmp_path: Path) -> None:
    texts = set()
    for name in ("one", "two"):
        site = Site(tmp_path / name, Path("/programs"), 20001, 20002, 20003)
        components.prepare(site)
        texts.add((site.folder / "encryption.json").read_text())
    assert len(texts) == 2


def test_every_program_of_a_node_has_a_kubeconfig_that_exists(with_node: Site) -> None:
    components.prepare(with_node)
    nodefiles.write(with_node)
    words = [
        *components.kubelet(with_node),
        *components.kube_scheduler(with_node),
        *components.kube_controller_manager(with_node, nodes=True),
    ]
    named = {Path(word.partition("=")[2]) for word in words if word.endswith(".kubeconfig")}
    named.add(Path(json.loads((with_node.folder / "kube-proxy.json").read_text())["clientConnection"]["kubeconfig"]))
    assert len(named) == 4
    assert all(path.is_file() for path in named)


def test_a_node_s_pods_live_in_the_cgroup_that_is_removed_after_it(with_node: Site) -> None:
    nodefiles.write(with_node)
    kubelet = json.loads((with_node.folder / "kubelet.json").read_text())
    assert kubelet["cgroupRoot"] == f"/{traces.group(with_node.folder)}"


def test_free_ports_are_different_and_below_the_ephemeral_range() -> None:
    ports = controlplane.free_ports(5)
    assert len(set(ports)) == 5
    assert all(20000 <= port < 30000 for port in ports)


@pytest.mark.parametrize(("kind", "snapshotter"), [("ext4", "overlayfs"), ("overlay", "native")])
def test_no_overlay_is_laid_over_an_overlay(tmp_path: Path, kind: str, snapshotter: str) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        f"1 0 8:1 / / rw shared:1 - {'ext4' if kind == 'overlay' else 'overlay'} /dev/a rw\n"
        f"2 1 8:2 / {tmp_path} rw,noatime - {kind} /dev/b rw\n"
    )
    assert nodefiles.snapshotter(tmp_path / "node", mountinfo) == snapshotter
