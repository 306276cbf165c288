"""What the image is built from, and what it needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kube import kind, operator_image


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "lacking", lambda: "there is no docker")


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert operator_image.lacking() == "building the operator's image needs root"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "debootstrap and buildah" in str(operator_image.lacking())


def test_an_image_that_is_there_is_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(operator_image.Kitchen, "make", lambda _, wanted: wanted.archive.touch())
    told: list[str] = []
    first = operator_image.image(told.append)
    monkeypatch.setattr(operator_image.Kitchen, "make", None)
    assert operator_image.image(told.append) == first
    assert first.archive.is_relative_to(tmp_path)


def test_the_build_sees_no_more_than_it_needs() -> None:
    ignored = (operator_image.REPOSITORY / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line for line in ignored if line.startswith("!")} == {
        "!deploy/requirements.lock",
        "!operator/runtimeenv",
    }


def test_make_image_says_what_it_needs(tmp_path: Path) -> None:
    for program in ("git", "sed"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    argv = [str(shutil.which("make")), "--silent", "image"]
    done = subprocess.run(
        argv, cwd=operator_image.REPOSITORY, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "needs a Docker engine that answers, or buildah" in done.stderr


def test_an_image_is_pulled_only_by_the_cluster_of_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_ENV_IMAGE", "registry.example/runtime-env:0.1.0")
    monkeypatch.delenv("RUNTIME_ENV_CONTEXT", raising=False)
    assert operator_image.pushed() is None
    monkeypatch.setenv("RUNTIME_ENV_CONTEXT", "prod")
    assert operator_image.pushed() == "registry.example/runtime-env:0.1.0"
