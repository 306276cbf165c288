"""What is said of a tier that can't run."""

import os
from pathlib import Path

import pytest

from tests.kube import images, node, nodefiles, tiers


@pytest.fixture
def able(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which a node can run, by what its PATH has: stand-ins that succeed."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(nodefiles, "PLUGIN_FOLDERS", (tmp_path,))
    monkeypatch.setattr(images, "usable", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("ptp", "unshare", "nsenter", "mount", "ip", "containerd", "ctr", "runc", "iptables", "nft"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o700)
    return tmp_path


def test_a_node_needs_root(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (able / "unshare").exists()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert (node.lacking() or "").startswith("it needs root")


def test_missing_programs_are_named_by_the_packages_that_have_them(able: Path) -> None:
    for name in ("containerd", "ctr", "ptp"):
        (able / name).unlink()
    packages = "containerd containernetworking-plugins"
    assert node.lacking() == f"it lacks {packages}: apt-get install {packages}"


def test_a_kernel_that_refuses_namespaces_is_quoted(able: Path) -> None:
    (able / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    reason = node.lacking() or ""
    assert "Operation not permitted" in reason
    assert reason.endswith("run it with --privileged")


def test_without_a_node_and_docker_the_control_plane_is_the_fullest_tier(able: Path) -> None:
    (able / "unshare").unlink()
    assert tiers.lacking("kind") == "there is no docker"
    assert tiers.fullest() == "control-plane"


def test_with_docker_alone_kind_is_the_fullest_tier(able: Path) -> None:
    (able / "unshare").unlink()
    (able / "docker").write_text("#!/bin/sh\n")
    (able / "docker").chmod(0o700)
    assert tiers.fullest() == "kind"


def test_an_engine_that_does_not_answer_is_told(able: Path) -> None:
    (able / "docker").write_text("#!/bin/sh\nexit 1\n")
    (able / "docker").chmod(0o700)
    assert tiers.lacking("kind") == "no Docker engine answers"


def test_a_check_raises_what_is_lacking(able: Path) -> None:
    (able / "runc").unlink()
    with pytest.raises(node.Unavailable, match="apt-get install runc"):
        node.check()
