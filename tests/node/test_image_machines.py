"""The image can be built for any machine: nothing names one, and every dependency has wheels for both usual ones."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.documents import REPOSITORY
from tests.kube.fixtures import note

DOCKERFILE = REPOSITORY / "deploy/Dockerfile"
LOCK = REPOSITORY / "deploy/requirements.lock"
MACHINES = ("x86_64", "aarch64")
# Of the tags that the Dockerfile's Debian takes, those that wheels are made with.
TAGS = ("manylinux2014", "manylinux_2_28")
UNREACHED = "connection broken by"


def bound() -> dict[str, str]:
    """The lines of the lock of what has no wheel for all machines, as this machine's own wheels tell."""
    found = re.findall(r"^((\S+)==(?:.*\\\n)+.*\n)", LOCK.read_text(), re.MULTILINE)
    wheels = {name: importlib.metadata.distribution(name).read_text("WHEEL") for _, name in found}
    return {name: lines for lines, name in found if "-any\n" not in str(wheels[name])}


def missed(machines: Sequence[str], lines: Iterable[str], folder: Path) -> dict[str, str]:
    """What pip misses of these lines for each machine; as the Dockerfile installs them, but nothing is installed."""
    requirements = folder / "requirements.lock"
    requirements.write_text("".join(lines))
    [python] = set(re.findall(r"^ARG \w+=python:(3\.\d+)", DOCKERFILE.read_text(), re.MULTILINE))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run", "--no-deps"]
    pinned = ["--require-hashes", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    running = {
        machine: subprocess.Popen(
            [*pip, *pinned, *(f"--platform={tag}_{machine}" for tag in TAGS), f"--target={folder}", "-r", requirements],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for machine in machines
    }
    return {machine: process.communicate()[0] for machine, process in running.items()}


def expect_reached(answers: dict[str, str], config: pytest.Config) -> None:
    if any(UNREACHED in said for said in answers.values()):
        note(config, "wheels for other machines", "not looked for: pip reaches no package index here")
        pytest.skip("pip reaches no package index here")


def test_every_dependency_has_a_wheel_for_both_machines(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    answers = missed(MACHINES, bound().values(), tmp_path)
    expect_reached(answers, pytestconfig)
    assert answers == dict.fromkeys(MACHINES, "")


def test_a_machine_without_wheels_is_noticed(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    answers = missed(["abacus"], [bound()["cffi"]], tmp_path)
    expect_reached(answers, pytestconfig)
    assert "No matching distribution found for cffi" in answers["abacus"]


def test_neither_the_dockerfile_nor_what_builds_it_names_a_machine() -> None:
    recipe = (REPOSITORY / "Makefile").read_text().partition("\nimage:")[2].partition("\n\n")[0]
    assert "buildah build" in recipe
    assert re.findall(r"amd64|arm64|x86_64|aarch64|linux/|--platform", DOCKERFILE.read_text() + recipe) == []
