"""Builds Kubernetes' programs from Go modules: what is missing, once for each version, outside the repository.

The programs' modules and checksums stand in go.mod and go.sum beside this file, and in its folders. Cold, all of them
take 9 to 14 minutes on 2 cores, and 6 GB of Go's own caches; warm 15 s. KUBEBUILDER_ASSETS, the convention of
operator developers, may name a folder with etcd, kube-apiserver and kubectl; what it lacks is built.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kube import toolchain

_HERE = Path(__file__).parent
_KUBERNETES = "k8s.io/kubernetes"
_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Recipe:
    """How one program is made: module, package, the folder of its go.mod, and its seconds on 2 cores from nothing."""

    module: str
    package: str
    folder: Path
    seconds: int


RECIPES = {
    "etcd": Recipe("go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", _HERE, 46),
    **{
        name: Recipe(_KUBERNETES, f"{_KUBERNETES}/cmd/{name}", _HERE, seconds)
        for name, seconds in {
            "kube-apiserver": 323,
            "kubectl": 25,
            "kube-controller-manager": 137,
            "kube-scheduler": 11,
            "kubelet": 27,
            "kube-proxy": 20,
        }.items()
    },
    "helm": Recipe("helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm", _HERE / "helm", 120),
    "helm3": Recipe("helm.sh/helm/v3", "helm.sh/helm/v3/cmd/helm", _HERE / "helm3", 100),
    "kind": Recipe("sigs.k8s.io/kind", "sigs.k8s.io/kind", _HERE / "kind", 26),
    # The main packages of cert-manager are modules without a version: one of ours stands in.
    "cert-manager": Recipe(
        "github.com/cert-manager/cert-manager", "runtime.miosa.ai/tests/kube/certmanager", _HERE / "certmanager", 240
    ),
    "gitops": Recipe("github.com/fluxcd/cli-utils", "runtime.miosa.ai/tests/kube/gitops", _HERE / "gitops", 85),
    "sops": Recipe("github.com/getsops/sops/v3", "github.com/getsops/sops/v3/cmd/sops", _HERE / "sops", 90),
    "age-keygen": Recipe("filippo.io/age", "filippo.io/age/cmd/age-keygen", _HERE / "sops", 10),
    # Of kube-router its controller of NetworkPolicies alone; with Kubernetes' own versions, which are built by then.
    "network-policies": Recipe(
        "github.com/cloudnativelabs/kube-router/v2",
        "runtime.miosa.ai/tests/kube/networkpolicies",
        _HERE / "networkpolicies",
        10,
    ),
    "rules": Recipe("github.com/prometheus/prometheus", "runtime.miosa.ai/tests/kube/rules", _HERE / "rules", 40),
}


class BuildFailed(Exception):
    """`go build` failed; the message has the end of what it said."""


def binaries(names: Iterable[str], progress: Callable[[str], None]) -> Path:
    """A folder that has the named programs; builds the missing, telling `progress` every 5 s. Raises BuildFailed."""
    wanted = tuple(names)
    given = _given()
    built = cache() / f"k8s-{version('k8s.io/kubernetes')}" / "bin"
    built.mkdir(parents=True, exist_ok=True)
    missing = [name for name in wanted if name not in given]
    if any(not current(built / name) for name in missing):
        with _lock(built.parent / "build.lock", progress):
            _build([name for name in missing if not current(built / name)], built, progress)
    return _linked(given, built) if given else built


def cache() -> Path:
    """Where builds are kept between runs (XDG Base Directory: XDG_CACHE_HOME)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "runtime-env"


def version(module: str, go_mod: Path = _HERE / "go.mod") -> str:
    """The version that go.mod requires of a module, without its v."""
    found = re.search(rf"^\s*{re.escape(module)} v(\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{go_mod} does not require {module}")
    return found[1]


def current(program: Path) -> bool:
    """Whether the program is there, no source of ours is newer, and its build info names the version of go.mod."""
    if not os.access(program, os.X_OK):
        return False
    recipe = RECIPES[program.name]
    if any(source.stat().st_mtime > program.stat().st_mtime for source in recipe.folder.glob("*.go")):
        return False
    line = f"\t{recipe.module}\tv{version(recipe.module, recipe.folder / 'go.mod')}\t".encode()
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(line) >= 0


def _given() -> dict[str, Path]:
    """The programs in the folder that KUBEBUILDER_ASSETS names."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if not assets:
        return {}
    folder = Path(assets).resolve()
    return {name: folder / name for name in RECIPES if os.access(folder / name, os.X_OK)}


def _linked(given: dict[str, Path], built: Path) -> Path:
    """A folder of links: the given programs, and ours for the rest."""
    key = hashlib.sha256(str(sorted(given.items())).encode()).hexdigest()[:12]
    folder = built.parent / f"assets-{key}"
    folder.mkdir(exist_ok=True)
    for name in RECIPES:
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(given.get(name, built / name))
    return folder


@contextlib.contextmanager
def _lock(path: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """One build at a time on this machine."""
    began = time.monotonic()
    with path.open("w") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            progress(f"waiting for another build of Kubernetes to end: {time.monotonic() - began:.0f} s")
            time.sleep(5)
        yield


def _build(names: list[str], folder: Path, progress: Callable[[str], None]) -> None:
    for number, name in enumerate(names, 1):
        recipe = RECIPES[name]
        go = toolchain.go(toolchain.required(recipe.folder / "go.mod"), cache(), progress)
        title = f"building {name} {version(recipe.module, recipe.folder / 'go.mod')} ({number} of {len(names)})"
        _compile(go, recipe, folder / name, title, progress)


def _compile(go: Path, recipe: Recipe, target: Path, title: str, progress: Callable[[str], None]) -> None:
    partial = target.with_name(f".{target.name}.partial")
    argv = [str(go), "build", "-trimpath", "-ldflags", _linker_flags(recipe), "-o", str(partial), recipe.package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    began = time.monotonic()
    with subprocess.Popen(argv, cwd=recipe.folder, env=environment, stderr=subprocess.PIPE, text=True) as build:
        while True:
            progress(f"{title}: {time.monotonic() - began:.0f} s (from nothing about {recipe.seconds} s on 2 cores)")
            try:
                _, errors = build.communicate(timeout=5)
                break
            except subprocess.TimeoutExpired:
                continue
            except BaseException:
                build.kill()
                raise
    if build.returncode != 0:
        raise BuildFailed(f"go build {recipe.package} failed:\n{errors[-2000:]}")
    partial.rename(target)


def _linker_flags(recipe: Recipe) -> str:
    """Stripped; Kubernetes' programs learn their version here, and refuse to work together without one."""
    if recipe.module != _KUBERNETES:
        return "-s -w"
    number = version(_KUBERNETES)
    major, minor, _ = number.split(".", 2)
    facts = {"gitVersion": f"v{number}", "gitMajor": major, "gitMinor": minor, "gitCommit": "unknown"}
    facts |= {"gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z"}
    return " ".join(
        ["-s -w", *(f"-X {package}.{name}={value}" for package in _STAMPED for name, value in facts.items())]
    )
