"""What the operator's image is built with and on where no registry is in reach: Debian, from this machine's own mirror.

The builder is a whole small Debian with Python. The base is what distroless images are: the files of a few of its
packages, without a shell, without a package manager.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
_BUILDER_PACKAGES = ("python3-venv", "ca-certificates")
_BASE_PACKAGES = (
    "python3-minimal",
    *("python{0}-minimal", "libpython{0}-minimal", "libpython{0}-stdlib"),
    *("libc6", "libgcc-s1", "libcrypt1", "libssl3", "libffi8", "libexpat1", "zlib1g", "libbz2-1.0", "liblzma5"),
    *("libuuid1", "media-types"),
)
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
_ACCOUNTS = ("etc/passwd", "etc/group", "etc/nsswitch.conf")


@dataclass(frozen=True)
class Bases:
    """The names of both images, and the version of their Python, as 3.11."""

    builder: str
    base: str
    python: str


def made(folder: Path) -> bool:
    """Whether both images are there."""
    return (folder / "done").exists()


def found(folder: Path) -> Bases:
    """Both images, once made."""
    return Bases(_name("builder"), _name("base"), (folder / "done").read_text())


def make(folder: Path, run: Callable[[Sequence[str]], None], tag: Callable[[str, Path], None]) -> None:
    """Makes both images: `run` runs a command, `tag` makes an image of a folder's Dockerfile."""
    shutil.rmtree(folder, ignore_errors=True)
    tree = folder / "tree"
    include = f"--include={','.join(_BUILDER_PACKAGES)}"
    run(["debootstrap", "--variant=minbase", include, SUITE, str(tree), *_mirror()])
    for path in (tree / unused for unused in _UNUSED):
        shutil.rmtree(path, ignore_errors=True)
    python = min(path.name for path in (tree / "usr/bin").glob("python3.*[0-9]")).removeprefix("python")
    _pack(folder / "builder", tree, ["."], run)
    _pack(folder / "base", tree, sorted(set(_shipped(tree, python))), run)
    shutil.rmtree(tree)
    for role in ("builder", "base"):
        tag(_name(role), folder / role)
    (folder / "done").write_text(python)


def _name(role: str) -> str:
    return f"localhost/runtime-env-{role}:{SUITE}"


def _pack(folder: Path, tree: Path, paths: Sequence[str], run: Callable[[Sequence[str]], None]) -> None:
    """A folder with a Dockerfile that makes an image of these paths of the tree."""
    folder.mkdir()
    (folder / "paths").write_text("".join(f"{path}\n" for path in paths))
    recursion = [] if paths == ["."] else ["--no-recursion"]
    run(["tar", f"-C{tree}", *recursion, f"-cf{folder}/root.tar", f"-T{folder}/paths"])
    (folder / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")


def _shipped(tree: Path, python: str) -> Iterator[str]:
    """The files of the base's packages, where the tree really has them: /lib is a link to /usr/lib."""
    root = tree.resolve()
    yield from (path.name for path in root.glob("lib*") if path.is_symlink())
    yield from _ACCOUNTS
    for package in (name.format(python) for name in _BASE_PACKAGES):
        [listing] = [path for path in (root / "var/lib/dpkg/info").glob(f"{package}*.list") if _is_of(path, package)]
        for line in listing.read_text().splitlines():
            path = root / line.lstrip("/")
            if path.is_symlink() or path.is_file():
                yield str((path.parent.resolve() / path.name).relative_to(root))


def _is_of(listing: Path, package: str) -> bool:
    """Packages of one architecture carry it in the name: libc6:amd64.list."""
    return listing.stem.partition(":")[0] == package


def _mirror() -> list[str]:
    """The mirror that this machine's apt uses for the suite; none: debootstrap's own."""
    form = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)"]
    listed = subprocess.run(form, capture_output=True, text=True, check=False).stdout.splitlines()
    return [line.split()[0] for line in listed if line.split()[1:] == [SUITE, "main"]][:1]
