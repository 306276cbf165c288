"""The handle of a running cluster: what tests and the demo hold."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from tests.kube import pki
from tests.kube.running import Running
from tests.kube.waiting import Hopeless, TimedOut, wait

__all__ = ["Cluster", "Completed", "Hopeless", "KubectlFailed", "Running", "Tier", "TimedOut", "Unsupported", "wait"]

Tier = Literal["control-plane", "node", "kind", "context"]
Manifest = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]
TIERS: tuple[Tier, ...] = get_args(Tier)


@dataclass(frozen=True)
class Completed:
    """What a command answered."""

    code: int
    out: str
    err: str


class KubectlFailed(Exception):
    """kubectl ended with another code than 0; the message is what it wrote to stderr."""

    def __init__(self, args: Sequence[str], completed: Completed) -> None:
        super().__init__(f"kubectl {' '.join(args)}: {completed.err.strip()}")
        self.completed = completed


class Unsupported(Exception):
    """This tier cannot do that."""


@dataclass
class Cluster:
    """A cluster that answers. `reach` is the prefix of a command that is to reach its API server from this machine."""

    tier: Tier
    folder: Path
    kubeconfig: Path  # the administrator's
    server: str
    ca: Path
    binaries: Path
    reach: tuple[str, ...] = ()
    loading: tuple[str, ...] = ()  # the command that gives the nodes an image, its archive to be appended
    stopping: list[Callable[[], None]] = field(default_factory=list)  # last in, first called

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess names it
        user: str | None = None,
        groups: Sequence[str] = (),
        check: bool = True,
        timeout: float = 60,
    ) -> Completed:
        """Runs kubectl as the administrator, or impersonating `user` in `groups`. Raises KubectlFailed if `check`."""
        identity = [f"--as={user}"] if user else []
        identity += [f"--as-group={group}" for group in groups]
        argv = [*self.kubectl_argv(), *identity, *args]
        done = subprocess.run(
            argv, input=input, capture_output=True, text=True, check=False, timeout=timeout, env=_environment()
        )
        completed = Completed(done.returncode, done.stdout, done.stderr)
        if check and completed.code != 0:
            raise KubectlFailed(args, completed)
        return completed

    def kubectl_argv(self) -> list[str]:
        """The words before kubectl's own arguments: usable in any folder, with a discovery cache of its own."""
        cache = f"--cache-dir={self.folder}/kubectl-cache"
        return [*self.reach, f"{self.binaries}/kubectl", f"--kubeconfig={self.kubeconfig}", cache]

    def apply(self, manifest: Manifest, *args: str, **kw: Any) -> Completed:
        """`kubectl apply -f -` of YAML, an object, or several; `args` and `kw` as for `kubectl`."""
        return self.kubectl("apply", *args, "-f", "-", input=as_text(manifest), **kw)

    def get_json(self, *args: str) -> Any:
        """`kubectl get … -o json`, decoded."""
        return json.loads(self.kubectl("get", *args, "-o", "json").out)

    def version(self) -> str:
        """The API server's version, as v1.37.2."""
        return str(json.loads(self.kubectl("version", "-o", "json").out)["serverVersion"]["gitVersion"])

    def spawn(self, argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> Running:
        """A program that reaches the API server; `env` is added to this process's. It ends with this process."""
        return Running([*self.reach, *argv], log, {**os.environ, **env})

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of that service account (TokenRequest), valid for a day."""
        bearer = self.kubectl("create", "token", name, f"--namespace={namespace}", "--duration=24h").out.strip()
        path = self.folder / "service-accounts" / f"{namespace}.{name}.kubeconfig"
        return pki.kubeconfig(path, self.server, self.ca, {"token": bearer})

    def load_image(self, archive: Path) -> None:
        """Gives the nodes the images of a docker-archive tar. Raises Unsupported where there is no way to."""
        if not self.loading:
            raise Unsupported(f"tier {self.tier}: images can't be given to its nodes, only pulled by them")
        done = subprocess.run([*self.loading, archive], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unsupported(f"{archive} was not taken: {done.stderr.strip()[-500:]}")

    def etcd_files(self) -> list[Path]:
        """The files in which etcd keeps everything stored; none on a cluster that is not ours."""
        return [path for path in sorted((self.folder / "etcd").rglob("*")) if path.is_file()]

    def logs(self) -> list[Path]:
        """All that the cluster's programs, and those started by `spawn` with a log in `folder`, have written."""
        walk = os.walk(self.folder)  # unlike rglob it goes on when containerd removes a folder meanwhile
        return sorted(Path(top, name) for top, _, names in walk for name in names if name.endswith(".log"))

    def save(self) -> None:
        """Writes the handle into the folder, for `load` in other processes."""
        facts = {name: str(getattr(self, name)) for name in ("kubeconfig", "ca", "binaries")}
        facts |= {"tier": self.tier, "server": self.server}
        partial = self.folder / ".cluster.json"
        partial.write_text(json.dumps({**facts, "reach": self.reach, "loading": self.loading}))
        partial.rename(self.folder / "cluster.json")

    def stop(self) -> None:
        """Ends what this process started of it, in the right order. A cluster that was there before stays."""
        while self.stopping:
            self.stopping.pop()()


def load(folder: Path) -> Cluster:
    """The handle that `save` wrote into the folder."""
    facts = json.loads((folder / "cluster.json").read_text())
    kubeconfig, ca, binaries = (Path(facts[name]) for name in ("kubeconfig", "ca", "binaries"))
    found = Cluster(facts["tier"], folder, kubeconfig, facts["server"], ca, binaries)
    found.reach, found.loading = tuple(facts["reach"]), tuple(facts["loading"])
    return found


def as_text(manifest: Manifest) -> str:
    """A manifest as `kubectl apply -f -` reads it: text as it is, objects as JSON."""
    if isinstance(manifest, str):
        return manifest
    if isinstance(manifest, Mapping):
        return json.dumps(manifest)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifest)})


def _environment() -> dict[str, str]:
    """The user's own kubectl preferences must not change what a test sees (KEP-3104)."""
    return {**os.environ, "KUBERC": "off"}
