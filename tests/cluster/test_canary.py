"""A random value through every door, searched for wherever it may not be (design §1)."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from runtimeenv.api.key_records import ROLES, Role
from tests import builders
from tests.cluster import api_client, api_doors, doors
from tests.cluster.api_client import Client
from tests.cluster.doors import House
from tests.kube.cluster import Cluster, Completed, wait
from tests.kube.operator import Operator
from tests.leaks import Canaries

GOOD = ("CLIENT", "SERVER", "CREATED", "PATCHED", "REPLACED", "REAPPLIED", "SOURCE", "SEALED")
GOOD_BY_API = ("POSTED", "UPSERTED", "EDITED", "PUT")
BEFORE = ("LOOKED", "THERE", "CLAIMED")  # variables whose doors store nothing


@dataclass(frozen=True)
class Scene:
    """The cluster after every door was tried, and what was answered."""

    cluster: Cluster
    operator: Operator
    canaries: Canaries
    namespace: str
    answers: list[Completed]
    refusals: list[Completed]


@pytest.fixture(scope="module")
def scene(control_plane: Cluster, operator: Operator) -> Iterator[Scene]:
    mark, canaries = secrets.token_hex(3), Canaries()
    namespace = f"canary-{mark}"
    tenant = f"tenant-{mark}"
    spaces = [
        builders.namespace(namespace, tenant, home="true"),
        builders.namespace(f"{namespace}-other", tenant),
        builders.namespace(f"{namespace}-stranger"),
    ]
    control_plane.apply(spaces)
    control_plane.apply(builders.runtime_env(f"{namespace}/renv.agent", "agent"))
    house = House(control_plane, operator, namespace, canaries)
    opened = (doors.creations, doors.updates, doors.looks, doors.sources, doors.sealing, doors.broken_reviews)
    answers = [answer for door in opened for answer in door(house)]
    refusals = doors.refusals(house)
    writer, reader = (client(operator, tenant, role) for role in ROLES[::-1])
    answers += [*api_doors.posts(house, writer), *api_doors.elsewhere(house, writer), *api_doors.broken(house, writer)]
    closed = (api_doors.bodies, api_doors.fields, api_doors.unsealed)
    refusals += [answer for door in closed for answer in door(house, writer)]
    refusals += api_doors.states(house, writer, reader)
    operator.controller.expect_alive()
    wait(lambda: good_values(control_plane, namespace, canaries), "the good values to be materialized")
    for name in operator.launches:
        operator.restart(name)
    operator.wait_ready()
    yield Scene(control_plane, operator, canaries, namespace, answers, refusals)
    control_plane.kubectl("delete", "namespace", "--wait=false", *(space["metadata"]["name"] for space in spaces))


def client(operator: Operator, tenant: str, role: Role) -> Client:
    """A client of the API with a new key."""
    port, key = operator.launches["api"].api_port, api_client.issue(operator.cluster, tenant, role=role)
    return api_client.known(Client(port, key))


def good_values(cluster: Cluster, namespace: str, canaries: Canaries) -> bool:
    """Whether the environment holds every value that came in by a good door, and no other of a bad one."""
    found = cluster.get_json("secret", "renv.agent", "-n", namespace)["data"]
    expected = {name: canaries.values[name] for name in (*GOOD, *GOOD_BY_API)} | dict.fromkeys(BEFORE, "before")
    return bool(found == builders.encoded(expected))


def test_the_values_did_come_in_and_survive_a_restart(scene: Scene) -> None:
    assert good_values(scene.cluster, scene.namespace, scene.canaries)


def test_what_is_to_be_refused_is(scene: Scene) -> None:
    assert [answer.out for answer in scene.refusals if answer.code == 0] == []


def test_no_answer_holds_a_value(scene: Scene) -> None:
    given = [*scene.answers, *scene.refusals]
    assert len(given) > 200
    assert [scene.canaries.doors(f"{answer.out}{answer.err}".encode()) for answer in given] == [[]] * len(given)


def test_no_log_holds_a_value(scene: Scene) -> None:
    logs = scene.cluster.logs()
    assert {log.name for log in scene.operator.logs()} <= {log.name for log in logs}
    assert scene.canaries.in_files(logs) == {}


def test_the_api_took_no_door_for_a_fault_of_its_own(scene: Scene) -> None:
    [log] = [log for log in scene.operator.logs() if log.name == "runtime-env-api.log"]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if line["level"] == "error"] == []


def test_no_file_of_etcd_holds_a_value(scene: Scene) -> None:
    files = scene.cluster.etcd_files()
    if not files:
        pytest.skip("etcd of this cluster can't be read from here: its objects are searched all the same")
    assert any(scene.namespace.encode() in path.read_bytes() for path in files), "the search looks in the wrong place"
    assert scene.canaries.in_files(files) == {}


def test_no_object_but_the_allowed_secrets_holds_a_value(scene: Scene) -> None:
    assert scene.canaries.in_objects(scene.cluster, doors.SOURCES) == {}


def test_no_metric_holds_a_value(scene: Scene) -> None:
    for launch in scene.operator.launches.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{launch.probe_port}/metrics", timeout=5) as answer:
            text: bytes = answer.read()
        assert b"process_" in text
        assert scene.canaries.doors(text) == []
