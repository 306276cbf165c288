"""The operator's real image, looked at as an archive and run without a shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtimeenv import __version__
from tests.kube import operator_image
from tests.kube.fixtures import note, teller

SHELLS = {"sh", "bash", "dash", "ash", "busybox", "env"}
ANY_USER = "1000680000:0"  # as OpenShift chooses them
UNCOMPILED = """
import os, sys, runtimeenv.api.run, runtimeenv.controller.run, runtimeenv.webhook.run
cached = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
print(*(name for name, path in cached.items() if path and not os.path.exists(path)))
"""


@dataclass(frozen=True)
class Unpacked:
    """The image's configuration, the members of its layers, and its root file system."""

    configuration: Any
    members: list[tarfile.TarInfo]
    root: Path

    def ours(self) -> Iterator[tarfile.TarInfo]:
        """What the Dockerfile adds to the base."""
        return (member for member in self.members if member.name.startswith("app/"))


@pytest.fixture(scope="module")
def image(pytestconfig: pytest.Config) -> Iterator[Unpacked]:
    if reason := operator_image.lacking():
        note(pytestconfig, "the operator's image", f"can't be built here: {reason}")
        pytest.skip(f"the operator's image can't be built here: {reason}")
    archive = operator_image.image(teller(pytestconfig)).archive
    with tempfile.TemporaryDirectory(prefix="renv-image-") as root:
        yield unpacked(archive, Path(root))


def unpacked(path: Path, root: Path) -> Unpacked:
    members: list[tarfile.TarInfo] = []
    with tarfile.open(path) as archive:
        [manifest] = json.load(member(archive, "manifest.json"))
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=member(archive, name)) as layer:
                members += layer.getmembers()
                layer.extractall(root, filter="tar")
        root.chmod(0o755)
        return Unpacked(json.load(member(archive, manifest["Config"])), members, root)


def member(archive: tarfile.TarFile, name: str) -> Any:
    """A file in an archive, to be read."""
    file = archive.extractfile(name)
    assert file is not None
    return file


def test_it_runs_as_nobody_in_particular_and_starts_no_shell(image: Unpacked) -> None:
    settings = image.configuration["config"]
    assert settings["User"] == "65532:65532"
    assert settings["Entrypoint"] == ["python3", "-m", "runtimeenv"]


def test_its_labels_say_what_it_is(image: Unpacked) -> None:
    labels = image.configuration["config"]["Labels"]
    told = {name.removeprefix("org.opencontainers.image."): text for name, text in labels.items()}
    assert (told["title"], told["licenses"], told["version"]) == ("Runtime Env", "Apache-2.0", __version__)
    assert told["description"]
    assert "revision" in told


def test_whoever_runs_it_can_read_all_of_it_and_write_none(image: Unpacked) -> None:
    modes = {found.name: found.mode for found in image.ours() if not found.issym()}
    assert [name for name, mode in modes.items() if mode & 0o022 or not mode & 0o004] == []


def test_every_dependency_is_named_in_it_and_nothing_that_only_builds(image: Unpacked) -> None:
    named = {found.name.split("/")[2] for found in image.ours() if found.name.endswith(".dist-info/METADATA")}
    packages = {re.sub(r"[-_.]+", "-", name.rsplit("-", 2)[0]).lower() for name in named}
    declared = tomllib.loads((operator_image.REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    assert packages >= {re.split("[>=<]", requirement)[0] for requirement in declared}
    assert [found.name for found in image.ours() if re.search(r"/(pip|setuptools)/|/tests/|\.pyi$", found.name)] == []


def test_it_is_small(image: Unpacked) -> None:
    assert sum(found.size for found in image.ours()) < 100 * 2**20


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the root folder needs root")
def test_nothing_has_to_be_compiled_when_it_starts(image: Unpacked) -> None:
    done = started(image, "-c", UNCOMPILED)
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the root folder needs root")
@pytest.mark.parametrize("process", ["controller", "webhook", "api"])
def test_any_user_can_run_it_where_there_is_no_shell(image: Unpacked, process: str) -> None:
    for found in image.root.rglob("bin/*"):
        if found.name in SHELLS:
            found.unlink()
    assert "name a readable kubeconfig" in started(image, "-m", "runtimeenv", process).stderr


def started(image: Unpacked, *words: str) -> subprocess.CompletedProcess[str]:
    """Its Python, run to its end in the image's files."""
    settings = image.configuration["config"]
    return subprocess.run(
        [str(shutil.which("chroot")), f"--userspec={ANY_USER}", str(image.root), settings["Entrypoint"][0], *words],
        env=dict(line.split("=", 1) for line in settings["Env"]),
        capture_output=True,
        text=True,
        check=False,
    )
