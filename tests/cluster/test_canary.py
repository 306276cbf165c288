"""A random value through every door, searched for wherever it may not be (design §1)."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests import builders
from tests.builders import Manifest
from tests.cluster.writes import create
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator
from tests.leaks import Canaries

CLIENT_SIDE = ("apply", "-f", "-")
SERVER_SIDE = ("apply", "--server-side", "-f", "-")


@dataclass(frozen=True)
class Scene:
    """The cluster after every door was tried: what came in, and what was answered."""

    cluster: Cluster
    operator: Operator
    canaries: Canaries
    namespace: str
    answers: str


@pytest.fixture(scope="module")
def scene(control_plane: Cluster, operator: Operator) -> Iterator[Scene]:
    mark = secrets.token_hex(3)
    namespace, canaries = f"canary-{mark}", Canaries()
    control_plane.apply([builders.namespace(namespace, f"tenant-{mark}"), builders.namespace(f"{namespace}-stranger")])
    control_plane.apply(builders.runtime_env(f"{namespace}/renv.agent", "agent"))
    answers = [door(control_plane, namespace, canaries) for door in (_good_doors, _source_door, _sealing_door)]
    wait(lambda: _ready(control_plane, namespace) >= 6, "the good variables to be Ready")
    answers.append(_bad_doors(control_plane, namespace, canaries))
    yield Scene(control_plane, operator, canaries, namespace, "\n".join(answers))
    control_plane.kubectl("delete", "namespace", namespace, f"{namespace}-stranger", "--wait=false")


def test_the_values_did_come_in(scene: Scene) -> None:
    secret = scene.cluster.get_json("secret", "renv.agent", "-n", scene.namespace)
    good = {name: scene.canaries.values[name] for name in secret["data"]}
    assert secret["data"] == builders.encoded(good)
    assert len(good) >= 6


def test_no_answer_holds_a_value(scene: Scene) -> None:
    assert scene.canaries.doors(scene.answers.encode()) == []


def test_no_log_holds_a_value(scene: Scene) -> None:
    logs = scene.cluster.logs()
    assert {log.name for log in scene.operator.logs()} <= {log.name for log in logs}
    assert scene.canaries.in_files(logs) == {}


def test_no_file_of_etcd_holds_a_value(scene: Scene) -> None:
    files = scene.cluster.etcd_files()
    if not files:
        pytest.skip("etcd of this cluster can't be read from here: its objects are searched all the same")
    assert any(scene.namespace.encode() in path.read_bytes() for path in files), "the search looks in the wrong place"
    assert scene.canaries.in_files(files) == {}


def test_no_object_but_the_allowed_secrets_holds_a_value(scene: Scene) -> None:
    assert scene.canaries.in_objects(scene.cluster) == {}


def test_no_metric_holds_a_value(scene: Scene) -> None:
    for launch in scene.operator.launches.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{launch.probe_port}/metrics", timeout=5) as answer:
            text: bytes = answer.read()
        assert b"process_" in text
        assert scene.canaries.doors(text) == []


def _good_doors(cluster: Cluster, namespace: str, canaries: Canaries) -> str:
    """Every way in which kubectl writes a value: each is accepted."""

    def variable(door: str) -> Manifest:
        return builders.variable(f"{namespace}/{door.lower()}", door, value=canaries.through(door))

    said = [cluster.kubectl(*CLIENT_SIDE, input=yaml.safe_dump(variable("CLIENT"))).out]
    said.append(cluster.kubectl(*SERVER_SIDE, input=yaml.safe_dump(variable("SERVER"))).out)
    said.append(create(cluster, variable("CREATED"), dry_run=False).out)
    for door, write in _UPDATES.items():
        create(cluster, builders.variable(f"{namespace}/{door.lower()}", door, value="before"), dry_run=False)
        done = write(cluster, namespace, variable(door))
        said += [done.out, done.err]
    return "\n".join(said)


def _merge(cluster: Cluster, namespace: str, variable: Manifest) -> Any:
    name, patch = variable["metadata"]["name"], yaml.safe_dump({"spec": {"value": variable["spec"]["value"]}})
    return cluster.kubectl("patch", "rvar", name, "-n", namespace, "--type=merge", "-p", patch)


def _replace(cluster: Cluster, _: str, variable: Manifest) -> Any:
    return cluster.kubectl("replace", "-f", "-", input=yaml.safe_dump(variable))


_UPDATES: dict[str, Callable[[Cluster, str, Manifest], Any]] = {"PATCHED": _merge, "REPLACED": _replace}


def _source_door(cluster: Cluster, namespace: str, canaries: Canaries) -> str:
    source = builders.source_secret(f"{namespace}/keys", {"k": canaries.through("SOURCE")})
    reference = {"secretKeyRef": {"name": "keys", "key": "k"}}
    return cluster.apply([source, builders.variable(f"{namespace}/source", "SOURCE", valueFrom=reference)]).out


def _sealing_door(cluster: Cluster, namespace: str, canaries: Canaries) -> str:
    argv = [sys.executable, "-m", "runtimeenv", "seal", "--name=SEALED", f"--namespace={namespace}", "--output=yaml"]
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PYTHONPATH": "operator"}
    given = canaries.through("SEALED")
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=True, env=environment)
    return done.stdout + done.stderr + cluster.apply(done.stdout).out


def _bad_doors(cluster: Cluster, namespace: str, canaries: Canaries) -> str:
    """Writes that are refused, or that the controller can't use: what is answered is kept."""

    def variable(door: str, name: str = "TOKEN", **spec: Any) -> Manifest:
        return builders.variable(f"{spec.pop('into', namespace)}/{door}", name, **spec)

    through = canaries.through
    reference = {"secretKeyRef": {"name": "keys", "key": "k"}}
    refused = [
        variable("too-long", value=through("too long") * 1000),
        variable("nul", value=through("nul") + "\0"),
        variable("list", value=[through("list")]),
        variable("lower", "lower", value=through("lower-case name")),
        variable("reserved", "LD_PRELOAD", value=through("reserved name")),
        variable("stranger", value=through("stranger"), into=f"{namespace}-stranger"),
        variable("two", value=through("two sources"), valueFrom=reference),
        variable("scope", value=through("wrong scope"), scope="planet"),
        variable("ids", value=through("missing id"), scope="workspace"),
        variable("field", sealedValue=through("plaintext as sealed")),
        variable("typed", sealedValue={"a": through("map as sealed")}),
    ]
    answers = [create(cluster, manifest, dry_run=False) for manifest in refused]
    assert [done.out for done in answers if done.code == 0] == []
    return "\n".join(done.err for done in answers)


def _ready(cluster: Cluster, namespace: str) -> int:
    found = cluster.get_json("rvar", "-n", namespace)["items"]
    conditions = [c for item in found for c in item.get("status", {}).get("conditions", ())]
    return sum(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
