"""The operator's real image, made by `make image`: by Docker where an engine answers, else without a registry.

Then buildah builds it on `base_images`, with wheels that pip downloaded before. Everything is kept outside the
repository, keyed by what went into it. From nothing two minutes, after a change of the operator's code 10 s, unchanged
at once (2 cores).
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.kube import base_images, build, kind
from tests.kube.base_images import Bases
from tests.kube.running import tail

REPOSITORY = Path(__file__).parents[2]
NAME = "localhost/runtime-env"
_DOCKERFILE = REPOSITORY / "deploy/Dockerfile"
_LOCK = REPOSITORY / "deploy/requirements.lock"
_CODE = REPOSITORY / "operator/runtimeenv"
_MAKE = ("make", "--silent", f"--directory={REPOSITORY}", "image")
_KEPT = 2  # archives of 126 MB: this one, and the one before


@dataclass(frozen=True)
class Image:
    """An image by its name and tag, and the docker-archive that holds it."""

    name: str
    archive: Path


class ImageFailed(Exception):
    """A step of the build failed; the message has the end of what it said."""


def pushed() -> str | None:
    """The image that RUNTIME_ENV_IMAGE names, for the cluster of RUNTIME_ENV_CONTEXT to pull; none without both."""
    return os.environ.get("RUNTIME_ENV_IMAGE") if os.environ.get("RUNTIME_ENV_CONTEXT") else None


def lacking() -> str | None:
    """Why the image can't be built here, as a clause; None where it can."""
    if kind.lacking() is None:
        return None
    if os.geteuid() != 0:
        return "building the operator's image needs root"
    missing = [name for name in ("debootstrap", "buildah") if shutil.which(name) is None]
    return f"building the operator's image needs {' and '.join(missing)}: apt-get install them" if missing else None


def image(progress: Callable[[str], None]) -> Image:
    """The image of the operator as it stands in this checkout. Raises ImageFailed."""
    key = _digest([_DOCKERFILE, _LOCK, *sorted(_CODE.rglob("*.py"))])
    found = Image(f"{NAME}:{key}", store() / f"runtime-env-{key}.tar")
    with (store() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.archive.exists():
            kitchen = Kitchen(store(), progress)
            (kitchen.make if kind.lacking() else kitchen.make_by_docker)(found)
        os.utime(found.archive)
    return found


def store() -> Path:
    """The folder where images, and what they are made from, are kept between runs."""
    folder = build.cache() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Kitchen:
    """Where the image is made: the base, the wheels and buildah's storage, each kept for the next time."""

    def __init__(self, store: Path, progress: Callable[[str], None]) -> None:
        self._store = store
        self._progress = progress
        self._log = store / "build.log"

    def make(self, wanted: Image) -> None:
        self._log.write_bytes(b"")
        bases = self._bases()
        wheels = self._wheels(bases.python)
        offline = f"--volume={wheels}:/wheels:ro --build-arg=PIP_NO_INDEX=1 --build-arg=PIP_FIND_LINKS=/wheels"
        self._progress("building the operator's image: make image")
        given = [f"BUILDER={bases.builder}", f"BASE={bases.base}"]
        common = f"BUILD_FLAGS=--layers --pull-never --quiet {offline}"
        self._run([*_MAKE, f"IMAGE={NAME}-dependencies:{wheels.name}", *given, f"{common} --target=dependencies"])
        self._run([*_MAKE, f"IMAGE={wanted.name}", *given, common])
        partial = wanted.archive.with_suffix(".partial")
        self._run(["buildah", "push", "--quiet", wanted.name, f"docker-archive:{partial}:{wanted.name}"])
        partial.rename(wanted.archive)
        self._run(["buildah", "rmi", wanted.name])
        self._run(["buildah", "rmi", "--prune"])
        self._forget_old()

    def make_by_docker(self, wanted: Image) -> None:
        """With the images that the Dockerfile names."""
        self._progress("building the operator's image: make image, by Docker")
        self._log.write_bytes(b"")
        self._run([*_MAKE, f"IMAGE={wanted.name}"])
        partial = wanted.archive.with_suffix(".partial")
        self._run(["docker", "save", f"--output={partial}", wanted.name])
        self._run(["docker", "image", "rm", wanted.name])
        partial.rename(wanted.archive)
        self._forget_old()

    def _forget_old(self) -> None:
        newest_first = sorted(self._store.glob("runtime-env-*.tar"), key=lambda path: -path.stat().st_mtime)
        for old in newest_first[_KEPT:]:
            old.unlink()

    def _bases(self) -> Bases:
        folder = self._store / f"bases-{base_images.SUITE}"
        if not base_images.made(folder):
            self._progress("making the images to build with and on: debootstrap (about 45 s)")
            base_images.make(folder, self._run, self._tag)
        return base_images.found(folder)

    def _tag(self, name: str, folder: Path) -> None:
        self._run(["buildah", "build", "--quiet", "--layers=false", f"--tag={name}", str(folder)])

    def _wheels(self, python: str) -> Path:
        """A folder of the wheels that deploy/requirements.lock pins, for the base's Python."""
        folder = self._store / "wheels" / f"{_digest([_LOCK])}-{python}"
        if not folder.exists():
            self._progress("downloading the operator's dependencies")
            shutil.rmtree(folder.parent, ignore_errors=True)
            partial = folder.with_suffix(".partial")
            tags = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37))]
            platforms = [f"--platform={tag}_{platform.machine()}" for tag in tags]
            for_base = ["--implementation=cp", f"--python-version={python}", *platforms]
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            pinned = ["--require-hashes", "--only-binary=:all:", "--requirement", str(_LOCK)]
            self._run([*pip, *pinned, *for_base, "--dest", str(partial)])
            partial.rename(folder)
        return folder

    @cached_property
    def _environment(self) -> dict[str, str]:
        """Has buildah keep what it builds in the store (containers-storage.conf(5)), and need no user namespaces."""
        configuration = self._store / "storage.conf"
        settings = {**os.environ, "CONTAINERS_STORAGE_CONF": str(configuration), "BUILDAH_ISOLATION": "chroot"}
        # Overlay, three times as fast, where the file system below can hold it.
        for driver in ("overlay", "vfs"):
            places = f'graphroot = "{self._store}/buildah/root"\nrunroot = "{self._store}/buildah/run"\n'
            configuration.write_text(f'[storage]\ndriver = "{driver}"\n{places}')
            if subprocess.run(["buildah", "info"], env=settings, capture_output=True, check=False).returncode == 0:
                break
        return settings

    def _run(self, argv: Sequence[str]) -> None:
        with self._log.open("ab") as log:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, check=False
            )
        if done.returncode != 0:
            raise ImageFailed(f"{' '.join(argv[:2])} … ended with {done.returncode}; {self._log}:\n{tail(self._log)}")


def _digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(REPOSITORY)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]
