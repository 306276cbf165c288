"""The merge order (design §5.4), read inside running containers: one name in all eight places, removed one by one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from tests import builders
from tests.builders import Manifest
from tests.kube.cluster import Cluster, wait
from tests.node import pods

NAME = "CHOSEN"
LABELS = {pods.TARGET_LABEL: "sandbox", pods.WORKSPACE_LABEL: "ws_1", pods.PROJECT_LABEL: "blog"}
SECRET = "renv.sandbox.w-ws-u1.p-blog"

# Widest first, as the first six of the eight places.
SCOPES = (
    {"scope": "tenant"},
    {"scope": "workspace", "workspaceId": "ws_1"},
    {"scope": "project", "projectId": "blog"},
)
LAYERS = [{**scope, "target": target} for scope in SCOPES for target in ("all", "sandbox")]


@pytest.fixture(scope="module")
def namespace(node: Cluster, injection: str) -> Iterator[str]:  # noqa: ARG001 - it must run so
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"merge-{mark}", f"tenant-{mark}") as name:
        yield name


def variable(namespace: str, place: int) -> Manifest:
    return builders.variable(f"{namespace}/place-{place}", NAME, value=f"place {place}", **LAYERS[place - 1])


def pod(namespace: str, places: int) -> Manifest:
    """A pod that has the name in its own env (place 7) and in its run-env (place 8), where they are still there."""
    annotations = {pods.RUN_ENV: json.dumps({NAME: "place 8"})} if places >= 8 else {}
    env = [{"name": NAME, "value": "place 7"}] if places >= 7 else []
    return pods.pod(f"{namespace}/with-{places}", LABELS, annotations, [pods.container(env=env)])


def test_each_of_the_eight_places_wins_over_those_before_it(node: Cluster, namespace: str, injection: str) -> None:
    """Injected by policy, the eighth is refused."""
    last = 8 if injection == "webhook" else 7
    pods.define(node, *(variable(namespace, place) for place in range(1, 7)))
    seen = []
    for places in range(last, -1, -1):
        if places < 6:
            remove(node, namespace, places + 1)
        pods.start(node, pod(namespace, places))
        seen.append(pods.environment(node, namespace, f"with-{places}").get(NAME))
        node.kubectl("delete", "pod", f"with-{places}", "-n", namespace, "--wait=false")
    assert seen == [*(f"place {place}" for place in range(last, 0, -1)), None]


def remove(node: Cluster, namespace: str, place: int) -> None:
    """Deletes a variable, and waits until the environment is without it."""
    node.kubectl("delete", "rvar", f"place-{place}", "-n", namespace)
    source = f"{namespace}/place-{place}"
    wait(
        lambda: source not in [found["source"] for found in pods.materialized(node, namespace, SECRET)],
        f"{source} to be out of {SECRET}",
    )
