"""Pods on a real API server come out of admission wired to their environment, however they are made."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core.names import INJECTED_ANNOTATION
from tests import builders
from tests.builders import Manifest
from tests.cluster.writes import create
from tests.kube.cluster import Cluster, Completed, wait
from tests.kube.operator import Operator

DOMAIN = "runtime.miosa.ai"
SANDBOX = {f"{DOMAIN}/target": "sandbox"}
CANARY = f"canary-{secrets.token_hex(6)}"


@pytest.fixture(scope="module")
def cluster(operator: Operator) -> Cluster:
    return operator.cluster


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[str]:
    """A namespace of workspace ws_1, which lists the project Blog."""
    name = f"team-{secrets.token_hex(3)}"
    cluster.apply(builders.namespace(name, "acme", "ws_1", projects="Blog"))
    wait(lambda: cluster.get_json("serviceaccount", "default", "-n", name), "the service account")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def made(cluster: Cluster, manifest: Manifest) -> Any:
    """The pod as it would be stored."""
    done = cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(manifest))
    return json.loads(done.out)


def refused(done: Completed, *says: str) -> None:
    """The webhook denied it in these words."""
    assert done.code != 0
    assert 'admission webhook "inject.runtime.miosa.ai" denied the request: ' in done.err
    for words in says:
        assert words in done.err
    assert CANARY not in done.err


def secrets_of(containers: list[Any]) -> list[str]:
    """The Secret of each container's first envFrom."""
    return [container["envFrom"][0]["secretRef"]["name"] for container in containers]


def test_every_init_sidecar_and_main_container_is_wired(cluster: Cluster, team: str) -> None:
    manifest = builders.pod(f"{team}/x", SANDBOX | {f"{DOMAIN}/project": "Blog"})
    main = manifest["spec"]["containers"][0]
    manifest["spec"]["containers"] = [
        main | {"envFrom": [{"configMapRef": {"name": "settings"}}]},
        main | {"name": "second"},
    ]
    manifest["spec"]["initContainers"] = [
        main | {"name": "setup"},
        main | {"name": "sidecar", "restartPolicy": "Always"},
    ]
    pod = made(cluster, manifest)
    name = "renv.sandbox.w-ws-u1.p--cblog"
    assert secrets_of(pod["spec"]["containers"] + pod["spec"]["initContainers"]) == [name] * 4
    assert pod["spec"]["containers"][0]["envFrom"][1] == {"configMapRef": {"name": "settings"}}
    assert pod["metadata"]["annotations"][INJECTED_ANNOTATION] == name


def test_a_pod_with_a_generated_name_for_windows_is_wired_where_it_says(cluster: Cluster, team: str) -> None:
    chosen = {f"{DOMAIN}/containers": "main", f"{DOMAIN}/run-env": '{"Path": "$x"}'}
    manifest = builders.pod(f"{team}/x", SANDBOX, chosen)
    manifest["metadata"] = {**manifest["metadata"], "generateName": "x-", "name": ""}
    main = manifest["spec"]["containers"][0] | {"env": [{"name": "PATH", "value": "y"}]}
    manifest["spec"] |= {"os": {"name": "windows"}, "containers": [main, main | {"name": "mesh"}]}
    first, second = made(cluster, manifest)["spec"]["containers"]
    assert secrets_of([first]) == ["renv.sandbox.w-ws-u1"]
    assert first["env"] == [{"name": "Path", "value": "$$x"}]
    assert "envFrom" not in second


def test_a_pod_that_is_copied_from_another_shape_refers_to_its_own_environment(cluster: Cluster, team: str) -> None:
    copied = made(cluster, builders.pod(f"{team}/x", SANDBOX))
    copied["metadata"]["labels"][f"{DOMAIN}/target"] = "agent"
    pod = made(cluster, copied)
    assert [source["secretRef"]["name"] for source in pod["spec"]["containers"][0]["envFrom"]] == ["renv.agent.w-ws-u1"]
    assert pod["metadata"]["annotations"][INJECTED_ANNOTATION] == "renv.agent.w-ws-u1"


@pytest.mark.parametrize("labels", [{}, SANDBOX | {f"{DOMAIN}/inject": "false"}])
def test_a_pod_without_target_or_opted_out_is_left_alone(cluster: Cluster, team: str, labels: dict[str, str]) -> None:
    pod = made(cluster, builders.pod(f"{team}/x", labels))
    assert "envFrom" not in pod["spec"]["containers"][0]
    assert INJECTED_ANNOTATION not in pod["metadata"].get("annotations", {})


def test_a_pod_without_containers_is_refused_by_kubernetes_alone(cluster: Cluster, team: str) -> None:
    manifest = builders.pod(f"{team}/x", SANDBOX)
    manifest["spec"]["containers"] = []
    assert "spec.containers: Required value" in create(cluster, manifest).err


@pytest.mark.parametrize(
    ("labels", "annotations", "says"),
    [
        ({f"{DOMAIN}/workspace": "ws_2"}, {}, ("is ws_2, but the namespace fixes the workspace as ws_1",)),
        ({f"{DOMAIN}/project": "other"}, {}, ("is other, but the namespace lists Blog",)),
        ({f"{DOMAIN}/target": "all"}, {}, ("target: use one of sandbox, computer, agent",)),
        ({}, {f"{DOMAIN}/containers": f"main,{CANARY}"}, (f"annotation {DOMAIN}/containers: names a container",)),
        (
            {},
            {f"{DOMAIN}/run-env": f'["{CANARY}"]'},
            (f"annotation {DOMAIN}/run-env: must be a JSON object of strings",),
        ),
        ({}, {f"{DOMAIN}/run-env": f'{{"A": "1", "A": "{CANARY}"}}'}, ("entry 2 has the name of an earlier one",)),
    ],
)
def test_what_contradicts_the_namespace_or_is_out_of_form_is_refused_with_the_mend(
    cluster: Cluster, team: str, labels: dict[str, str], annotations: dict[str, str], says: tuple[str, ...]
) -> None:
    refused(create(cluster, builders.pod(f"{team}/x", SANDBOX | labels, annotations)), *says)


def test_a_labelled_pod_in_a_namespace_that_is_not_enrolled_is_refused(cluster: Cluster) -> None:
    refused(create(cluster, builders.pod("default/x", SANDBOX)), "namespace default is not enrolled")


def test_a_namespace_that_was_enrolled_a_moment_ago_is_known(cluster: Cluster) -> None:
    name = f"new-{secrets.token_hex(3)}"
    cluster.apply(builders.namespace(name, "acme"))
    answers: list[str] = []

    def made() -> bool:
        done = create(cluster, builders.pod(f"{name}/x", SANDBOX))
        answers.append(done.err)
        return done.code == 0

    wait(made, "the service account")
    denied = f"namespace {name} is not enrolled"
    assert not [answer for answer in answers if denied in answer], "the webhook asks before it denies"
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_ephemeral_containers_are_wired_by_the_stored_annotation(cluster: Cluster, team: str) -> None:
    cluster.apply(builders.pod(f"{team}/debugged", SANDBOX))
    for name in ("first", "second"):
        cluster.kubectl(
            "debug", "debugged", "-n", team, "--image=busybox:1", f"--container={name}", "--attach=false", "--", "true"
        )
        cluster.kubectl("label", "pod", "debugged", "-n", team, "--overwrite", f"{DOMAIN}/target=agent")
    pod = cluster.get_json("pod", "debugged", "-n", team)
    assert secrets_of(pod["spec"]["ephemeralContainers"]) == ["renv.sandbox.w-ws-u1"] * 2


def test_a_pod_that_is_older_than_its_label_takes_ephemeral_containers(cluster: Cluster, team: str) -> None:
    cluster.apply(builders.pod(f"{team}/older"))
    cluster.kubectl("label", "pod", "older", "-n", team, f"{DOMAIN}/target=agent")
    cluster.kubectl(
        "debug", "older", "-n", team, "--image=busybox:1", "--container=debug", "--attach=false", "--", "true"
    )
    assert "envFrom" not in cluster.get_json("pod", "older", "-n", team)["spec"]["ephemeralContainers"][0]
