"""The kubelet's part: folders that follow Secrets and ConfigMaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from tests import builders
from tests.kube import mounts
from tests.kube.mounts import Volume


def volume(folder: Path, resource: Literal["secrets", "configmaps"] = "secrets", *, optional: bool = False) -> Volume:
    return Volume(str(folder), resource, "keys", optional)


def event(change: str, data: dict[str, str]) -> Any:
    return {"type": change, "object": {"metadata": {"name": "keys"}, "data": data}}


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_a_secret_is_decoded_and_a_config_map_is_not(tmp_path: Path) -> None:
    mounts.write_object(volume(tmp_path / "s"), event("ADDED", builders.encoded({"a": "1"})))
    mounts.write_object(volume(tmp_path / "c", "configmaps"), event("ADDED", {"a": "1"}))
    assert files(tmp_path / "s") == files(tmp_path / "c") == {"a": "1"}


def test_an_update_replaces_and_removes_files(tmp_path: Path) -> None:
    mounts.write(tmp_path, {"a": b"1", "b": b"2"})
    mounts.write(tmp_path, {"b": b"3", "c": b"4"})
    assert files(tmp_path) == {"b": "3", "c": "4"}
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("..")]) == 2


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    mounts.write(tmp_path, {"a": b"1"})
    before = (tmp_path / mounts.DATA).readlink()
    mounts.write(tmp_path, {"a": b"1"})
    assert (tmp_path / mounts.DATA).readlink() == before


def test_an_object_that_goes_empties_an_optional_volume_only(tmp_path: Path) -> None:
    for name, optional in (("needed", False), ("optional", True)):
        mounts.write_object(volume(tmp_path / name, optional=optional), event("ADDED", builders.encoded({"a": "1"})))
        mounts.write_object(volume(tmp_path / name, optional=optional), event("DELETED", {}))
    assert files(tmp_path / "needed") == {"a": "1"}
    assert files(tmp_path / "optional") == {}


def test_a_program_waits_for_what_is_not_optional(tmp_path: Path) -> None:
    assert volume(tmp_path, optional=True).filled
    assert not volume(tmp_path).filled
    mounts.write(tmp_path, {})
    assert volume(tmp_path).filled
