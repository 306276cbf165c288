"""The chart's Deployments as programs of this machine: same arguments, same settings, same volumes, own ports."""

import dataclasses
import os
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from tests.kube import chart, controlplane
from tests.kube.chart import Object
from tests.kube.cluster import Cluster
from tests.kube.mounts import Volume

_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Launch:
    """How to start one process: `argv`, what to add to the environment, and the volumes that it waits for."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    volumes: tuple[Volume, ...]
    probe_port: int
    webhook_port: int
    api_port: int

    def another(self, name: str) -> "Launch":
        """A further replica, as its Deployment would start it: the same volumes, an identity and ports of its own."""
        ports = _Ports.free()
        env = {**self.env, **ports.settings(), "RUNTIME_ENV_IDENTITY": str(uuid.uuid4())}
        return dataclasses.replace(self, name=name, env=env, **dataclasses.asdict(ports))

    def mounted(self) -> bool:
        """Whether the kubelet would start it."""
        return all(volume.filled for volume in self.volumes)

    def ready(self) -> bool:
        """Its own answer to the readiness probe."""
        return self._probe("/readyz")[0] == HTTPStatus.OK

    def answers(self) -> bool:
        """Its own answer to the liveness probe."""
        return self._probe("/healthz")[0] == HTTPStatus.OK

    def missing(self) -> str:
        """What it says to the readiness probe that it waits for."""
        return self._probe("/readyz")[1]

    def _probe(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probe_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""


@dataclass(frozen=True)
class _Ports:
    """Where one process listens, on loopback; each has a port for whatever its kind may serve."""

    probe_port: int
    webhook_port: int
    api_port: int

    @classmethod
    def free(cls) -> "_Ports":
        return cls(*controlplane.free_ports(3))

    def settings(self) -> dict[str, str]:
        return {f"RUNTIME_ENV_{name.upper()}": str(port) for name, port in dataclasses.asdict(self).items()}


def planned(cluster: Cluster, objects: Sequence[Object]) -> list[Launch]:
    """A process for each Deployment, in the order of their names; the service accounts must exist."""
    deployments = sorted(chart.of_kind(objects, "Deployment"), key=lambda found: str(found["metadata"]["name"]))
    return [_launch(cluster, deployment) for deployment in deployments]


def by_url(objects: Sequence[Object], launches: Sequence[Launch]) -> list[Object]:
    """The objects for processes outside: no Deployments, and webhooks that are called by url instead of by Service."""
    ports = {f"runtime-env-{launch.name}": launch.webhook_port for launch in launches}
    kept = [found for found in objects if found["kind"] not in {"Deployment", "PodDisruptionBudget"}]
    for webhook in (webhook for found in kept for webhook in found.get("webhooks", ())):
        service = webhook["clientConfig"].pop("service")
        webhook["clientConfig"]["url"] = f"https://127.0.0.1:{ports[service['name']]}{service['path']}"
    for certificate in chart.of_kind(kept, "Certificate"):
        if "dnsNames" in certificate["spec"]:
            certificate["spec"]["ipAddresses"] = ["127.0.0.1"]
    return kept


def _launch(cluster: Cluster, deployment: Object) -> Launch:
    name = str(deployment["metadata"]["name"]).removeprefix("runtime-env-")
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    ports = _Ports.free()
    folder = cluster.folder / "volumes" / name
    namespace = deployment["metadata"]["namespace"]
    env = _settings(container, namespace) | {
        "RUNTIME_ENV_BIND_ADDRESS": "127.0.0.1",
        **ports.settings(),
        "RUNTIME_ENV_WEBHOOK_HOST": "127.0.0.1",
        **{
            f"RUNTIME_ENV_{field.upper()}_FOLDER": str(folder / field)
            for field in ("tls", "public_key", "compare_keys")
        },
        "KUBECONFIG": str(cluster.service_account_kubeconfig(namespace, pod["serviceAccountName"])),
        "PYTHONPATH": os.pathsep.join([str(_REPOSITORY / "operator"), str(_REPOSITORY)]),
        "PYTHONUNBUFFERED": "1",
    }
    volumes = tuple(_volume(folder, volume) for volume in pod.get("volumes", ()))
    argv = (sys.executable, "-m", "runtimeenv", *container["args"])
    return Launch(name, argv, env, volumes, **dataclasses.asdict(ports))


def _settings(container: Object, namespace: str) -> dict[str, str]:
    fields = {"metadata.namespace": namespace, "metadata.uid": str(uuid.uuid4())}
    return {
        entry["name"]: entry["value"] if "value" in entry else fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        for entry in container["env"]
    }


def _volume(folder: Path, volume: Any) -> Volume:
    source = volume.get("secret") or volume["configMap"]
    resource: Literal["secrets", "configmaps"] = "secrets" if "secret" in volume else "configmaps"
    return Volume(
        folder=str(folder / volume["name"].replace("-", "_")),
        resource=resource,
        name=source.get("secretName") or source["name"],
        optional=bool(source.get("optional")),
    )
