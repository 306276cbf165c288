"""A tenant of one's own on the real API server: what its users do, and what they then see."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster.writes import SEALED, create
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, Completed, wait
from tests.kube.operator import Operator

CONTROLLER = f"system:serviceaccount:{NAMESPACE}:runtime-env-controller"
API = f"system:serviceaccount:{NAMESPACE}:runtime-env-api"


@dataclass(frozen=True)
class Home:
    """A namespace, enrolled under a tenant whose id is the namespace's name."""

    operator: Operator
    namespace: str

    @property
    def cluster(self) -> Cluster:
        return self.operator.cluster

    def variable(self, name: str = "greeting", **spec: Any) -> Manifest:
        """A variable whose NAME follows from its name."""
        return builders.variable(f"{self.namespace}/{name}", name.upper().replace("-", "_"), **spec)

    def environment(self, target: str = "sandbox") -> Manifest:
        """The RuntimeEnv of a target, without ids."""
        return builders.runtime_env(f"{self.namespace}/renv.{target}", target)

    def source(self, values: Mapping[str, str | bytes], *, consent: bool = True, name: str = "keys") -> Manifest:
        """A Secret that variables may read."""
        return builders.source_secret(f"{self.namespace}/{name}", values, consent=consent)

    def apply(self, *manifests: Manifest) -> None:
        """`kubectl apply`, all at once."""
        self.cluster.apply(list(manifests))

    def kubectl(self, *args: str, **kw: Any) -> Completed:
        """kubectl in this namespace."""
        return self.cluster.kubectl(f"--namespace={self.namespace}", *args, **kw)

    def get(self, thing: str) -> Any:
        """An object of this namespace, as `kind/name`."""
        return self.cluster.get_json(thing, "--namespace", self.namespace)

    def items(self, kind: str, *options: str) -> list[Any]:
        """All objects of a kind in this namespace."""
        found: list[Any] = self.cluster.get_json(kind, "--namespace", self.namespace, *options)["items"]
        return found

    def until(self, thing: str, reason: str) -> str:
        """Wait until the object's conditions speak of its generation, with this reason; Ready's message."""

        def told() -> str | None:
            self.operator.controller.expect_alive()
            found = self.get(thing)
            ready = condition(found)
            assert ready["observedGeneration"] == found["metadata"]["generation"]
            assert ready["reason"] == reason, f"{ready['reason']}: {ready['message']}"
            return f" {ready['message']}"

        return wait(told, f"{thing} to be {reason}")[1:]  # an empty message is an answer too

    def ready(self, *variables: str) -> None:
        """What users type before they start what needs the variables."""
        targets = [f"rvar/{name}" for name in variables]
        self.kubectl("wait", "--for=condition=Ready", "--timeout=30s", *targets)

    def held(self, environment: str = "renv.sandbox") -> dict[str, str]:
        """What pods receive now."""
        found = self.get(f"secret/{environment}").get("data") or {}
        return {name: base64.b64decode(text).decode() for name, text in found.items()}

    def holds(self, expected: Mapping[str, str], environment: str = "renv.sandbox") -> None:
        """Wait until pods receive just this."""

        def same() -> bool:
            self.operator.controller.expect_alive()
            held = self.held(environment)
            assert held == expected
            return True

        wait(same, f"{environment} of {self.namespace} to hold {sorted(expected)}")

    def encrypted(self, variable: str) -> str:
        """The variable's encrypted Secret, as `kind/name`."""
        uid = self.get(f"rvar/{variable}")["metadata"]["uid"]
        return f"secret/{names.encrypted_secret_name(uid)}"

    def events(self, variable: str) -> list[tuple[str, str, str]]:
        """(type, reason, message) of each Event about a variable."""
        about = f"involvedObject.kind=RuntimeEnvVar,involvedObject.name={variable}"
        found = self.items("events", f"--field-selector={about}")
        return [(event["type"], event["reason"], event["message"]) for event in found]


@contextmanager
def new(operator: Operator, workspace: str = "", project: str = "", *, tenant: str = "") -> Iterator[Home]:
    """A new namespace, which the policies know; gone afterwards. Its tenant is new too, unless one is given.

    A new tenant's namespace, if it is not narrowed, is where the REST API writes.
    """
    name = f"home-{secrets.token_hex(4)}"
    written = "" if tenant or workspace or project else "true"
    operator.cluster.apply(builders.namespace(name, tenant or name, workspace, project, home=written))
    scope = {"scope": "workspace", "workspaceId": workspace} if workspace else {}
    scope = {"scope": "project", "projectId": project} if project else scope
    probe = builders.variable(f"{name}/probe", sealed=SEALED, **scope)
    wait(lambda: create(operator.cluster, probe).code == 0, "the policies to know the namespace")
    yield Home(operator, name)
    operator.cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def condition(found: Any, kind: str = "Ready") -> Any:
    """One of an object's conditions."""
    return next(c for c in found["status"]["conditions"] if c["type"] == kind)


def removed(cluster: Cluster, kind: str, name: str) -> Manifest:
    """Delete an object of the operator's; what to apply to bring it back."""
    found: Manifest = cluster.get_json(kind, name, "-n", NAMESPACE)
    cluster.kubectl("delete", kind, name, "-n", NAMESPACE)
    metadata = {key: found["metadata"][key] for key in ("name", "namespace", "labels") if key in found["metadata"]}
    return {**found, "metadata": metadata}
