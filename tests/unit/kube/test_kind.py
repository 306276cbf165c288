"""The kind tier, with a stand-in for kind and kubectl that notes how it was called."""

import json
from pathlib import Path

import pytest
import yaml

from tests.kube import kind, supervisor
from tests.kube.kind import KindFailed

CONFIG = {
    "clusters": [{"cluster": {"server": "https://127.0.0.1:40001", "certificate-authority-data": "Y2E="}}],
}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in notes its calls."""
    noted, assets = tmp_path / "calls", tmp_path / "assets"
    assets.mkdir()
    for name in kind.PROGRAMS:
        script = (
            f"#!/bin/sh\necho {name} \"$@\" >> {noted}\n[ {name} = kubectl ] && echo '{json.dumps(CONFIG)}'\nexit 0\n"
        )
        (assets / name).write_text(script)
        (assets / name).chmod(0o700)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return noted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "kind-Ab_1"
    path.mkdir()
    return path


def test_a_cluster_is_made_from_the_configuration_and_given_the_images(calls: Path, folder: Path) -> None:
    cluster = kind.create(folder, [folder / "busybox.tar"], lambda _: None)
    create, view, load = calls.read_text().splitlines()
    assert create.startswith("kind create cluster --name=runtime-env-kind-ab-1 --config=")
    assert "--context=kind-runtime-env-kind-ab-1" in view
    assert load == f"kind load image-archive --name=runtime-env-kind-ab-1 {folder}/busybox.tar"
    assert (cluster.server, cluster.ca.read_text()) == ("https://127.0.0.1:40001", "ca")
    assert cluster.etcd_files() == []


def test_a_cluster_goes_by_the_name_it_was_made_with(calls: Path, folder: Path) -> None:
    kind.delete(folder)
    assert calls.read_text() == "kind delete cluster --name=runtime-env-kind-ab-1\n"


def test_what_kind_says_when_it_fails_is_told(calls: Path, folder: Path) -> None:
    (calls.parent / "assets" / "kind").write_text("#!/bin/sh\necho 'no such image' >&2\nexit 1\n")
    with pytest.raises(KindFailed, match="kind create cluster: no such image"):
        kind.create(folder, [], lambda _: None)


def test_the_supervisor_deletes_a_cluster_that_did_not_come_up(calls: Path, folder: Path) -> None:
    program = calls.parent / "assets" / "kind"
    program.write_text(f'#!/bin/sh\necho kind "$@" >> {calls}\n[ "$1" = delete ]\n')
    with pytest.raises(KindFailed), supervisor.kept_kind(folder, []):
        pytest.fail("it came up")
    assert calls.read_text().splitlines()[-1].startswith("kind delete cluster")


def test_the_configuration_pins_its_node_image() -> None:
    configuration = yaml.safe_load(kind.CONFIGURATION.read_text())
    assert all("@sha256:" in node["image"] for node in configuration["nodes"])
