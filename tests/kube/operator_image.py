"""The operator's real image, made from deploy/Dockerfile: by Docker where an engine answers, else without a registry.

Then the base image is a debootstrap of this machine's own Debian mirror; buildah builds on it, with wheels that pip
downloaded before. Everything is kept outside the repository, keyed by what went into it. From nothing 90 s, after a
change of the operator's code 10 s, unchanged at once (2 cores).
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
from pathlib import Path

from tests.kube import build, kind
from tests.kube.running import tail

REPOSITORY = Path(__file__).parents[2]
NAME = "localhost/runtime-env"
SUITE = "bookworm"
_DOCKERFILE = REPOSITORY / "deploy/Dockerfile"
_LOCK = REPOSITORY / "deploy/requirements.lock"
_CODE = REPOSITORY / "operator/runtimeenv"
_COMMAND = REPOSITORY / "deploy/runtimeenv"
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
_KEPT = 2  # archives of 300 MB: this one, and the one before


@dataclass(frozen=True)
class Image:
    """An image by its name and tag, and the docker-archive that holds it."""

    name: str
    archive: Path


class ImageFailed(Exception):
    """A step of the build failed; the message has the end of what it said."""


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
    key = _digest([_DOCKERFILE, _LOCK, _COMMAND, *sorted(_CODE.rglob("*.py"))])
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
        base, python = self._base()
        wheels = self._wheels(python)
        self._progress("building the operator's image from deploy/Dockerfile")
        offline = [f"--volume={wheels}:/wheels:ro", "--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels"]
        common = ["--layers", f"--build-arg=BASE={base}", *offline, f"--file={_DOCKERFILE}"]
        self._bud(*common, "--target=dependencies", f"--tag={NAME}-dependencies:{wheels.name}", str(REPOSITORY))
        self._bud(*common, f"--tag={wanted.name}", str(REPOSITORY))
        partial = wanted.archive.with_suffix(".partial")
        self._buildah("push", "--quiet", wanted.name, f"docker-archive:{partial}:{wanted.name}")
        partial.rename(wanted.archive)
        self._buildah("rmi", wanted.name)
        self._buildah("rmi", "--prune")
        self._forget_old()

    def make_by_docker(self, wanted: Image) -> None:
        """With the base image that the Dockerfile names."""
        self._progress("building the operator's image from deploy/Dockerfile, by Docker")
        self._log.write_bytes(b"")
        self._run(["docker", "build", f"--file={_DOCKERFILE}", f"--tag={wanted.name}", str(REPOSITORY)])
        partial = wanted.archive.with_suffix(".partial")
        self._run(["docker", "save", f"--output={partial}", wanted.name])
        self._run(["docker", "image", "rm", wanted.name])
        partial.rename(wanted.archive)
        self._forget_old()

    def _forget_old(self) -> None:
        newest_first = sorted(self._store.glob("runtime-env-*.tar"), key=lambda path: -path.stat().st_mtime)
        for old in newest_first[_KEPT:]:
            old.unlink()

    def _base(self) -> tuple[str, str]:
        """The base image's name, and its Python's version: Debian with Python and little else."""
        name, root = f"{NAME}-base:{SUITE}", self._store / f"base-{SUITE}"
        if not (root / "done").exists():
            self._progress(f"making the base image: debootstrap of Debian {SUITE} (about 45 s)")
            shutil.rmtree(root, ignore_errors=True)
            tree = root / "root"
            include = "--include=python3-venv,ca-certificates"
            self._run(["debootstrap", "--variant=minbase", include, SUITE, str(tree), *_mirror()])
            for path in (tree / unused for unused in _UNUSED):
                shutil.rmtree(path, ignore_errors=True)
            self._run(["tar", "-C", str(tree), "-cf", str(root / "root.tar"), "."])
            (root / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
            self._bud(f"--tag={name}", f"--file={root}/Dockerfile", str(root))
            python = min(path.name for path in (tree / "usr/bin").glob("python3.*[0-9]"))
            shutil.rmtree(tree)
            (root / "done").write_text(python.removeprefix("python"))
        return name, (root / "done").read_text()

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

    def _bud(self, *words: str) -> None:
        self._buildah("bud", "--quiet", "--isolation=chroot", "--pull-never", *words)

    def _buildah(self, *words: str) -> None:
        storage = self._store / "buildah"
        places = [f"--root={storage}/root", f"--runroot={storage}/run"]
        self._run(["buildah", *places, f"--storage-driver={self._driver(places)}", *words])

    def _driver(self, places: Sequence[str]) -> str:
        """Overlay, three times as fast, where the file system below can hold it."""
        tried = subprocess.run(
            ["buildah", *places, "--storage-driver=overlay", "info"], capture_output=True, check=False
        )
        return "overlay" if tried.returncode == 0 else "vfs"

    def _run(self, argv: Sequence[str]) -> None:
        with self._log.open("ab") as log:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        if done.returncode != 0:
            raise ImageFailed(f"{' '.join(argv[:2])} … ended with {done.returncode}; {self._log}:\n{tail(self._log)}")


def _mirror() -> list[str]:
    """The mirror that this machine's apt uses for the suite; none: debootstrap's own."""
    form = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)"]
    listed = subprocess.run(form, capture_output=True, text=True, check=False).stdout.splitlines()
    return [line.split()[0] for line in listed if line.split()[1:] == [SUITE, "main"]][:1]


def _digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(REPOSITORY)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]
