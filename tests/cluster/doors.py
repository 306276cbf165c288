"""Every door by which a value comes in: what kubectl, the CLI and a Secret can carry, accepted or refused.

Each function sends a canary of its own by each of its doors, and returns what was answered.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests import builders
from tests.builders import Manifest
from tests.documents import REPOSITORY
from tests.kube.cluster import Cluster, Completed
from tests.kube.operator import Operator
from tests.leaks import Canaries

FROM_STDIN = ("-f", "-")
SOURCES = ("keys", "private")  # the Secrets that a user wrote with values in them
_REFERENCE = {"secretKeyRef": {"name": "keys", "key": "k"}}


@dataclass(frozen=True)
class House:
    """The cluster, the namespace that is enrolled (``<namespace>-stranger`` is not), and what has gone in so far."""

    cluster: Cluster
    operator: Operator
    namespace: str
    canaries: Canaries

    def variable(self, door: str, name: str = "", **spec: Any) -> Manifest:
        """A variable named after its door."""
        return builders.variable(f"{spec.pop('into', self.namespace)}/{door.lower()}", name or door, **spec)

    def carrying(self, door: str) -> Manifest:
        """The same with its canary as the value."""
        return self.variable(door, value=self.canaries.through(door))

    def type(self, manifest: Manifest, *words: str) -> Completed:
        """Runs kubectl with the manifest on its standard input."""
        return self.cluster.kubectl(*words, *FROM_STDIN, input=json.dumps(manifest), check=False)


def creations(house: House) -> list[Completed]:
    """A value in a new object."""
    return [
        house.type(house.carrying("CLIENT"), "apply"),
        house.type(house.carrying("SERVER"), "apply", "--server-side"),
        house.type(house.carrying("CREATED"), "create"),
    ]


def updates(house: House) -> list[Completed]:
    """A value into an object that is there."""
    answers = []
    for door, write in _UPDATES.items():
        house.type(house.variable(door, value="before"), "apply")
        answers.append(write(house, house.carrying(door)))
    return answers


def _merge(house: House, variable: Manifest) -> Completed:
    target = (f"rvar/{variable['metadata']['name']}", "-n", house.namespace)
    patch = json.dumps({"spec": {"value": variable["spec"]["value"]}})
    return house.cluster.kubectl("patch", *target, "--type=merge", "-p", patch)


_UPDATES: dict[str, Callable[[House, Manifest], Completed]] = {
    "PATCHED": _merge,
    "REPLACED": lambda house, variable: house.type(variable, "replace"),
    "REAPPLIED": lambda house, variable: house.type(variable, "apply"),
}


def looks(house: House) -> list[Completed]:
    """A value in writes that store none: `kubectl diff`, a dry run that prints the object, and set-last-applied."""
    house.type(house.variable("LOOKED", value="before"), "apply")
    changed = house.variable("LOOKED", value=house.canaries.through("looked at"))
    return [
        house.type(changed, "diff"),
        house.type(changed, "diff", "--server-side"),
        house.type(changed, "apply", "--dry-run=server", "--output=yaml"),
        house.type(changed, "apply", "--dry-run=server", "--server-side", "--output=yaml"),
        house.type(changed, "apply", "set-last-applied"),
    ]


def sources(house: House) -> list[Completed]:
    """A value in a Secret that is read: one that is taken, and three that the controller can't use."""
    through, namespace = house.canaries.through, house.namespace
    entries: dict[str, str | bytes] = {
        "k": through("SOURCE"),
        "binary": through("binary source").encode() + b"\xff",
        "nul": through("source with NUL") + "\0",
        "long": through("long source") * 2000,
    }
    house.cluster.apply(builders.source_secret(f"{namespace}/keys", entries))
    house.cluster.apply(builders.source_secret(f"{namespace}/private", {"k": through("no consent")}, consent=False))

    def reads(door: str, name: str, secret: str, key: str) -> Completed:
        reference = {"secretKeyRef": {"name": secret, "key": key}}
        return house.type(house.variable(door, name, valueFrom=reference), "apply")

    bad = [reads(key, "TOKEN_" + key.upper(), "keys", key) for key in entries if key != "k"]
    return [reads("SOURCE", "SOURCE", "keys", "k"), *bad, reads("private", "TOKEN_PRIVATE", "private", "k")]


def sealing(house: House) -> list[Completed]:
    """A value on the standard input of `runtimeenv seal`; one too long, and one for nobody's namespace."""
    long = house.canaries.through("too long to seal") * 2000
    stranger = house.canaries.through("sealed for nobody")
    sealed = _seal(house, house.canaries.through("SEALED"), house.namespace)
    stored = house.cluster.kubectl("apply", *FROM_STDIN, input=sealed.out)
    return [sealed, stored, _seal(house, long, house.namespace), _seal(house, stranger, f"{house.namespace}-stranger")]


def _seal(house: House, given: str, namespace: str) -> Completed:
    argv = [sys.executable, "-m", "runtimeenv", "seal", "--name=SEALED", f"--namespace={namespace}", "--output=yaml"]
    environment = {**os.environ, "KUBECONFIG": str(house.cluster.kubeconfig), "PYTHONPATH": f"{REPOSITORY}/operator"}
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False, env=environment)
    return Completed(done.returncode, done.stdout, done.stderr)


def refusals(house: House) -> list[Completed]:
    """A value in objects that are refused; every answer has a code other than 0."""
    through = house.canaries.through
    refused = [
        house.variable("too-long", "TOKEN", value=through("too long") * 2000),
        house.variable("nul", "TOKEN", value=through("NUL") + "\0"),
        house.variable("list", "TOKEN", value=[through("list")]),
        house.variable("lower", "lower", value=through("lower-case name")),
        house.variable("reserved", "LD_PRELOAD", value=through("reserved name")),
        house.variable("stranger", "TOKEN", value=through("stranger"), into=f"{house.namespace}-stranger"),
        house.variable("two", "TOKEN", value=through("two sources"), valueFrom=_REFERENCE),
        house.variable("scope", "TOKEN", value=through("wrong scope"), scope="planet"),
        house.variable("ids", "TOKEN", value=through("missing id"), scope="workspace"),
        house.variable("field", "TOKEN", sealedValue=through("plaintext as sealed text")),
        house.variable("typed", "TOKEN", sealedValue={"a": through("map as sealed text")}),
    ]
    return [house.type(manifest, "create") for manifest in refused]


def broken_reviews(house: House) -> list[Completed]:
    """A value in requests to the webhook that are no AdmissionReview, as a broken API server might send them."""
    canary = house.canaries.through("broken review")
    bodies = [f'{{"request": {{"object": {{"spec": {{"value": "{canary}"', f'{{"request": "{canary}"}}', canary]
    return [_post(house, path, body) for path in ("/seal", "/inject", f"/{canary}") for body in bodies]


def _post(house: House, path: str, body: str) -> Completed:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = house.operator.launches["webhook"].webhook_port
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return Completed(answer.status, answer.read().decode(), str(answer.getheaders()))
    finally:
        connection.close()
