"""Images of one layer, made from Debian's busybox-static: the test image and the pause image, as tars."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from pathlib import Path

BUSYBOX = "docker.io/library/busybox:1.37"  # as the examples name it; here made of this machine's own busybox
PAUSE = "localhost/pause:1"
PROGRAM = Path("/bin/busybox")
APPLETS = ("sh", "env", "cat", "echo", "sleep", "ls", "printenv", "true", "false", "grep", "nc", "test", "date", "wc")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_WAIT = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"


def busybox(folder: Path) -> Path:
    """The tar of BUSYBOX, whose command is a shell."""
    return write(BUSYBOX, folder / "busybox.tar", ["/bin/sh"])


def pause(folder: Path) -> Path:
    """The tar of PAUSE: holds a pod's namespaces, and ends on SIGTERM."""
    return write(PAUSE, folder / "pause.tar", ["/bin/sh", "-c", _WAIT])


def usable(program: Path = PROGRAM) -> bool:
    """Whether there is a busybox that needs no shared library: it names no dynamic loader (ELF's PT_INTERP)."""
    return program.exists() and b"/ld-" not in program.read_bytes()[:4096]


def write(name: str, out: Path, command: Sequence[str], program: Path = PROGRAM) -> Path:
    """Writes a docker-archive (image-spec v1.2 of Docker: config, layer, manifest.json) and returns its path."""
    links: dict[str, bytes | str] = {f"bin/{applet}": "busybox" for applet in APPLETS}
    layer = _tar({"bin/busybox": program.read_bytes(), **links})
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Cmd": list(command), "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    out.write_bytes(_tar({config_name: config, "layer.tar": layer, "manifest.json": manifest}))
    return out


def _tar(members: dict[str, bytes | str]) -> bytes:
    """A tar of executable files, and, where the content is text, of links to it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.mode = 0o755
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()
