"""Images as tar files."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.kube import images


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "busybox"
    path.write_bytes(b"\x7fELF static")
    return path


def member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as opened:
        file = opened.extractfile(name)
        assert file is not None
        return file.read()


def manifest(archive: Path) -> Any:
    return json.loads(member(archive, "manifest.json"))[0]


def test_the_manifest_names_the_image_and_its_command(tmp_path: Path, program: Path) -> None:
    archive = images.write("localhost/x:1", tmp_path / "x.tar", ["/bin/sh"], program)
    assert manifest(archive)["RepoTags"] == ["localhost/x:1"]
    assert json.loads(member(archive, manifest(archive)["Config"]))["config"]["Cmd"] == ["/bin/sh"]


def test_the_config_holds_the_digest_of_the_layer(tmp_path: Path, program: Path) -> None:
    archive = images.write("localhost/x:1", tmp_path / "x.tar", ["/bin/sh"], program)
    digests = json.loads(member(archive, manifest(archive)["Config"]))["rootfs"]["diff_ids"]
    assert digests == [f"sha256:{hashlib.sha256(member(archive, 'layer.tar')).hexdigest()}"]


def test_the_layer_links_each_applet_to_the_one_program(tmp_path: Path, program: Path) -> None:
    archive = images.write("localhost/x:1", tmp_path / "x.tar", ["/bin/sh"], program)
    (tmp_path / "layer.tar").write_bytes(member(archive, "layer.tar"))
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert layer.getmember("bin/busybox").mode & 0o111
        assert {layer.getmember(f"bin/{applet}").linkname for applet in images.APPLETS} == {"busybox"}


def test_equal_contents_make_equal_images(tmp_path: Path, program: Path) -> None:
    first = images.write("localhost/x:1", tmp_path / "1.tar", ["/bin/sh"], program).read_bytes()
    assert images.write("localhost/x:1", tmp_path / "2.tar", ["/bin/sh"], program).read_bytes() == first


def test_a_program_that_needs_a_dynamic_loader_is_not_usable(tmp_path: Path, program: Path) -> None:
    assert images.usable(program)
    program.write_bytes(b"\x7fELF .. /lib64/ld-linux-x86-64.so.2")
    assert not images.usable(program)
    assert not images.usable(tmp_path / "missing")
