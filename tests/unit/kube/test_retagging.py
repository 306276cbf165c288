"""An image under another tag."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from tests.kube import images
from tests.kube.operator_image import Image
from tests.kube.retagging import retagged


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr] # files


def test_only_the_tag_differs(tmp_path: Path) -> None:
    old = "localhost/it:0123456789abcdef"
    first = Image(old, images.write(old, tmp_path / "first.tar", ["/bin/sh"], Path(__file__)))
    second = retagged(first, "2.0.0", tmp_path / "second.tar")
    before, after = members(first.archive), members(second.archive)
    assert second.name == "localhost/it:2.0.0"
    assert json.loads(after.pop("manifest.json"))[0]["RepoTags"] == ["localhost/it:2.0.0"]
    del before["manifest.json"]
    assert after == before
