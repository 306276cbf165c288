"""Which programs are missing, and how they would be built."""

import os
import stat
from pathlib import Path

import pytest

from tests.kube import build, toolchain


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no programs from elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "cache" / "runtime-env"


def program(path: Path, build_info: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\0" + build_info.encode() + b"\0")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def built(folder: Path, name: str) -> Path:
    recipe = build.RECIPES[name]
    version = build.version(recipe.module, recipe.folder / "go.mod")
    return program(folder / name, f"path\tx\nmod\t{recipe.module}\tv{version}\th1:abc\n")


@pytest.mark.parametrize("name", build.RECIPES)
def test_every_recipe_has_a_module_that_is_pinned(name: str) -> None:
    recipe = build.RECIPES[name]
    assert build.version(recipe.module, recipe.folder / "go.mod")[0].isdigit()
    lines = (recipe.folder / "go.mod").read_text().splitlines()
    assert {f"\t{recipe.package}", f"tool {recipe.package}", f"module {recipe.package}"} & set(lines)


def test_a_program_of_the_pinned_version_is_current(tmp_path: Path) -> None:
    assert build.current(built(tmp_path, "etcd"))


@pytest.mark.parametrize("build_info", ["mod\tgo.etcd.io/etcd/server/v3\tv3.6.1\th1:abc\n", "nothing"])
def test_a_program_of_another_version_is_not_current(tmp_path: Path, build_info: str) -> None:
    assert not build.current(program(tmp_path / "etcd", build_info))


def test_a_program_that_is_older_than_our_own_source_is_not_current(tmp_path: Path) -> None:
    made = built(tmp_path, "cert-manager")
    assert build.current(made)
    os.utime(made, (0, 0))
    assert not build.current(made)


def test_a_missing_program_is_not_current(tmp_path: Path) -> None:
    assert not build.current(tmp_path / "etcd")


def test_what_is_there_is_not_built_again(cache: Path) -> None:
    folder = cache / f"k8s-{build.version('k8s.io/kubernetes')}" / "bin"
    built(folder, "etcd")
    assert build.binaries(["etcd"], print) == folder


def test_programs_of_kubebuilder_assets_are_taken_as_they_are(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    given = program(assets / "etcd", "of any version")
    own = built(cache / f"k8s-{build.version('k8s.io/kubernetes')}" / "bin", "helm")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    folder = build.binaries(["etcd", "helm"], print)
    assert (folder / "etcd").resolve() == given
    assert (folder / "helm").resolve() == own


def test_the_cache_is_outside_the_repository(cache: Path) -> None:
    assert build.cache() == cache
    assert not build.cache().is_relative_to(Path(build.__file__).parents[2])


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("go version devel +abc", ()),
    ],
)
def test_the_version_of_a_go_is_read_from_what_it_reports(answer: str, version: toolchain.Version) -> None:
    assert toolchain.reported(answer) == version


def test_the_go_line_of_a_module_says_what_it_requires(tmp_path: Path) -> None:
    module = tmp_path / "go.mod"
    module.write_text("module x\n\ngo 1.26.0\n")
    assert toolchain.required(module) == (1, 26, 0)
    module.write_text("module x\n")
    with pytest.raises(toolchain.NoToolchain, match="has no go line"):
        toolchain.required(module)
