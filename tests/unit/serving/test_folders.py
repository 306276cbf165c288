import logging
from pathlib import Path

import pytest

from runtimeenv.errors import Invalid
from runtimeenv.serving.folders import Folder


class Loads:
    """What was loaded, by its one file."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, folder: Path) -> None:
        try:
            self.texts.append((folder / "file").read_text())
        except FileNotFoundError:
            raise Invalid("file", "is not there") from None


def mount(folder: Path, version: str, text: str) -> None:
    """As the kubelet does: a folder for each version, a link that is swapped in one step."""
    (folder / version).mkdir()
    (folder / version / "file").write_text(text)
    (folder / "swap").symlink_to(version)
    (folder / "swap").rename(folder / "..data")


def test_files_are_loaded_again_only_when_they_change(tmp_path: Path) -> None:
    loads = Loads()
    followed = Folder(tmp_path, loads)
    for text in ("one", "one", "two", "two"):
        (tmp_path / "file").write_text(text)
        followed.look()
    assert loads.texts == ["one", "two"]


def test_a_kubelets_swap_of_versions_is_a_change(tmp_path: Path) -> None:
    loads = Loads()
    followed = Folder(tmp_path, loads)
    for version, text in (("..1", "one"), ("..2", "two")):
        mount(tmp_path, version, text)
        followed.look()
    assert loads.texts == ["one", "two"]


def test_files_that_appear_later_are_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loads = Loads()
    followed = Folder(tmp_path / "mounted", loads)
    for _ in range(3):
        followed.look()
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "told once"
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "file").write_text("one")
    followed.look()
    assert loads.texts == ["one"]
