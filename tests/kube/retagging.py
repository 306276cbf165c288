"""The same image under another tag."""

import io
import tarfile
from pathlib import Path

from tests.kube.operator_image import Image

_NAMING = ("manifest.json", "repositories", "index.json")  # of a docker-archive; Docker's own holds an OCI layout too


def retagged(image: Image, tag: str, archive: Path) -> Image:
    """Writes the archive of the image with that tag in the place of its own, which stands nowhere else in it."""
    repository, _, old = image.name.rpartition(":")
    with tarfile.open(image.archive) as source, tarfile.open(archive, "w") as target:
        for member in source:
            content = source.extractfile(member)
            if content and member.name in _NAMING:
                renamed = content.read().replace(old.encode(), tag.encode())
                member.size = len(renamed)
                content = io.BytesIO(renamed)
            target.addfile(member, content)
    return Image(f"{repository}:{tag}", archive)
