"""The kubelet's part for a program outside the cluster: Secrets and ConfigMaps of one namespace, kept as folders.

`python -m tests.kube.mounts KUBECONFIG NAMESPACE VOLUMES`, VOLUMES being JSON: a list of `Volume`'s fields. Files
change all at once, by a symlink that is replaced, as the kubelet's do (Kubernetes' volume/util/atomic_writer.go).
"""

import base64
import contextlib
import http.client
import json
import os
import shutil
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

DATA = "..data"  # the kubelet's name for the symlink


@dataclass(frozen=True)
class Volume:
    """A folder that holds the entries of one object; a program waits for all but the optional ones."""

    folder: str
    resource: Literal["secrets", "configmaps"]
    name: str
    optional: bool

    @property
    def filled(self) -> bool:
        """Whether a container with this volume could start."""
        return self.optional or (Path(self.folder) / DATA).exists()


class ApiServer:
    """Watches by plain HTTPS, with the client certificate of an administrator's kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(cluster["server"])
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def changes(self, namespace: str, resource: str) -> Iterator[Any]:
        """Watch events until the API server ends the watch; first what is there already."""
        connection = http.client.HTTPSConnection(self._address.hostname or "", self._address.port, context=self._tls)
        try:
            connection.request("GET", f"/api/v1/namespaces/{namespace}/{resource}?watch=1")
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise ConnectionError(f"HTTP {answer.status}")
            yield from map(json.loads, answer)
        finally:
            connection.close()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes these the folder's files, all at once."""
    folder.mkdir(parents=True, exist_ok=True)
    old = folder / DATA
    before = old.resolve() if old.exists() else None
    if before and {path.name: path.read_bytes() for path in before.iterdir()} == files:
        return
    version = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for name, content in files.items():
        (version / name).write_bytes(content)
    link = folder / "..data_tmp"
    link.symlink_to(version.name)
    link.replace(old)
    for path in folder.iterdir():
        if path.is_symlink() and path != old and path.name not in files:
            path.unlink()
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{DATA}/{name}")
    if before:
        shutil.rmtree(before)


def follow(server: ApiServer, namespace: str, resource: str, volumes: Sequence[Volume]) -> None:
    """Keeps the volumes of one resource in step, for ever; a watch that ends or fails starts again."""
    pause = threading.Event()
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            for event in server.changes(namespace, resource):
                _step(event, volumes)
        pause.wait(0.5)


def _step(event: Any, volumes: Sequence[Volume]) -> None:
    for volume in volumes:
        if volume.name == event["object"]["metadata"]["name"]:
            write_object(volume, event)


def write_object(volume: Volume, event: Any) -> None:
    """One watch event of a volume's object. An object that goes empties an optional volume alone."""
    if event["type"] == "DELETED":
        if volume.optional:
            write(Path(volume.folder), {})
        return
    found = event["object"].get("data") or {}
    if volume.resource == "secrets":
        write(Path(volume.folder), {name: base64.b64decode(text) for name, text in found.items()})
    else:
        write(Path(volume.folder), {name: text.encode() for name, text in found.items()})


def main() -> None:
    server, namespace = ApiServer(Path(sys.argv[1])), sys.argv[2]
    volumes = [Volume(**fields) for fields in json.loads(sys.argv[3])]
    os.umask(0o077)
    followers = [
        threading.Thread(
            target=follow, args=[server, namespace, resource, [v for v in volumes if v.resource == resource]]
        )
        for resource in {volume.resource for volume in volumes}
    ]
    for follower in followers:
        follower.start()


if __name__ == "__main__":
    main()
