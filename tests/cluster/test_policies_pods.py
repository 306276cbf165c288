"""A labelled pod never starts without its environment, whatever became of the webhook (design §4)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from runtimeenv.core import names
from runtimeenv.core.identity import Shape, Surface
from runtimeenv.core.names import secret_name
from tests.builders import Manifest, pod
from tests.cluster.conftest import DEVELOPER, PROJECT, WORKSPACE, Spaces
from tests.cluster.writes import accepted, create, raw, refused
from tests.kube.cluster import Cluster, Completed

pytestmark = pytest.mark.usefixtures("people", "without_webhooks")

DOMAIN = names.DEFAULT_POD_DOMAIN
WITHOUT = "annotation runtime.miosa.ai/injected is not"
UNREFERENCED = "a container lacks envFrom of the Secret"
SANDBOX = secret_name(Shape("sandbox"))


def labels(target: str = "sandbox", **others: str) -> dict[str, str]:
    return {f"{DOMAIN}/{name}": value for name, value in {"target": target, **others}.items()}


def reference(secret: str, **fields: Any) -> dict[str, Any]:
    return {"secretRef": {"name": secret, "optional": False}, **fields}


def wired(ref: str, secret: str, pod_labels: Mapping[str, str], **annotations: str) -> Manifest:
    """A pod as the webhook leaves it: an init container and a main one, both with the reference."""
    manifest = pod(ref, pod_labels, {names.INJECTED_ANNOTATION: secret, **annotations})
    first = {"name": "init", "image": "busybox:1", "envFrom": [reference(secret)]}
    manifest["spec"]["initContainers"] = [first]
    manifest["spec"]["containers"][0]["envFrom"] = [reference(secret), reference("of-its-own")]
    return manifest


@pytest.mark.parametrize("target", ["sandbox", "computer", "agent"])
@pytest.mark.parametrize("user", [DEVELOPER, None], ids=["developer", "administrator"])
def test_without_the_webhook_no_labelled_pod_starts(
    policies: Cluster, spaces: Spaces, target: str, user: str | None
) -> None:
    for namespace in (spaces.tenant, spaces.workspace, spaces.project):
        refused(create(policies, pod(f"{namespace}/x", labels(target)), user=user), "pods", WITHOUT, "webhook")


def test_nor_does_a_pod_that_a_controller_makes(policies: Cluster, spaces: Spaces) -> None:
    manifest = pod(f"{spaces.tenant}/", labels())
    manifest["metadata"] |= {"generateName": "x-"}
    del manifest["metadata"]["name"]
    controller = "system:serviceaccount:kube-system:replicaset-controller"
    refused(create(policies, manifest, user=controller), "pods", WITHOUT)


@pytest.mark.parametrize("target", ["sandbox", "all"])
def test_a_labelled_pod_in_a_namespace_that_is_not_enrolled_is_refused(
    policies: Cluster, spaces: Spaces, target: str
) -> None:
    for manifest in (
        pod(f"{spaces.stranger}/x", labels(target)),
        wired(f"{spaces.stranger}/x", f"renv.{target}", labels(target)),
    ):
        refused(create(policies, manifest, user=DEVELOPER), "pods", "not enrolled", "runtime.miosa.ai/tenant")


@pytest.mark.parametrize("target", ["all", "vm", "sandboxes"])
def test_a_target_that_does_not_exist_is_refused(policies: Cluster, spaces: Spaces, target: str) -> None:
    manifest = wired(f"{spaces.tenant}/x", f"renv.{target}", labels(target))
    refused(create(policies, manifest, user=DEVELOPER), "pods", "use one of sandbox, computer, agent")


def test_unlabelled_and_opted_out_pods_are_free(policies: Cluster, spaces: Spaces) -> None:
    for namespace in (spaces.tenant, spaces.stranger):
        for free in ({}, {f"{DOMAIN}/workspace": "w"}, labels(inject="false"), labels("vm", inject="false")):
            accepted(create(policies, pod(f"{namespace}/x", free), user=DEVELOPER))


def test_only_the_word_false_opts_out(policies: Cluster, spaces: Spaces) -> None:
    for word in ("true", "False", "no", ""):
        refused(create(policies, pod(f"{spaces.tenant}/x", labels(inject=word)), user=DEVELOPER), "pods", WITHOUT)


@pytest.mark.parametrize(
    ("sort", "asked", "shape"),
    [
        ("tenant", {}, ("sandbox", None, None)),
        ("tenant", {"target": "agent"}, ("agent", None, None)),
        ("tenant", {"workspace": "Ws.1", "project": "a-b_c"}, ("sandbox", "Ws.1", "a-b_c")),
        ("workspace", {}, ("sandbox", WORKSPACE, None)),
        ("workspace", {"workspace": WORKSPACE, "project": "shop"}, ("sandbox", WORKSPACE, "shop")),
        ("project", {}, ("sandbox", None, PROJECT)),
    ],
)
def test_a_wired_pod_passes(
    policies: Cluster, spaces: Spaces, sort: str, asked: dict[str, str], shape: tuple[Surface, str | None, str | None]
) -> None:
    manifest = wired(f"{getattr(spaces, sort)}/x", secret_name(Shape(*shape)), labels(**asked))
    accepted(create(policies, manifest, user=DEVELOPER))


@pytest.mark.parametrize("secret", ["renv.computer", "renv.sandbox.w-other", "mine", f"rvar.{SANDBOX}", f"{SANDBOX}x"])
def test_the_reference_to_another_secret_is_not_its_environment(policies: Cluster, spaces: Spaces, secret: str) -> None:
    done = create(policies, wired(f"{spaces.tenant}/x", secret, labels()), user=DEVELOPER)
    refused(done, "pods", WITHOUT, SANDBOX)


def test_a_copied_annotation_is_not_believed(policies: Cluster, spaces: Spaces) -> None:
    manifest = pod(f"{spaces.tenant}/x", labels(), {names.INJECTED_ANNOTATION: SANDBOX})
    refused(create(policies, manifest, user=DEVELOPER), "pods", UNREFERENCED, SANDBOX)


@pytest.mark.parametrize(
    "sources",
    [
        [],
        [reference("renv.computer")],
        [{"configMapRef": {"name": SANDBOX}}],
        [reference(SANDBOX, prefix="X_")],
        [{"secretRef": {"name": SANDBOX, "optional": True}}],
    ],
    ids=["none", "another", "a config map", "prefixed", "optional"],
)
@pytest.mark.parametrize("group", ["containers", "initContainers"])
def test_every_container_needs_the_reference_as_it_is(
    policies: Cluster, spaces: Spaces, group: str, sources: list[dict[str, Any]]
) -> None:
    manifest = wired(f"{spaces.tenant}/x", SANDBOX, labels())
    manifest["spec"][group].append({"name": "late", "image": "busybox:1", "envFrom": sources})
    refused(create(policies, manifest, user=DEVELOPER), "pods", UNREFERENCED)


def test_only_chosen_containers_need_it(policies: Cluster, spaces: Spaces) -> None:
    for chosen, other in (("main , init", "mesh"), ("init", "mesh")):
        manifest = wired(f"{spaces.tenant}/x", SANDBOX, labels(), **{f"{DOMAIN}/containers": chosen})
        manifest["spec"]["containers"].append({"name": other, "image": "busybox:1"})
        accepted(create(policies, manifest, user=DEVELOPER))
        manifest["metadata"]["annotations"][f"{DOMAIN}/containers"] = f"{chosen}, {other}"
        refused(create(policies, manifest, user=DEVELOPER), "pods", UNREFERENCED)


@pytest.mark.parametrize("chosen", ["", "other", "main,", "main init"])
def test_a_choice_of_containers_that_are_not_there_is_no_way_around(
    policies: Cluster, spaces: Spaces, chosen: str
) -> None:
    manifest = wired(f"{spaces.tenant}/x", SANDBOX, labels(), **{f"{DOMAIN}/containers": chosen})
    refused(create(policies, manifest, user=DEVELOPER), "pods", f"annotation {DOMAIN}/containers: list names")


def stored(cluster: Cluster, manifest: Manifest) -> Manifest:
    """Stores a pod, and answers it as the API server has it."""
    manifest["metadata"]["name"] = f"x-{secrets.token_hex(3)}"
    accepted(create(cluster, manifest, dry_run=False))
    found: Manifest = cluster.get_json("pod", manifest["metadata"]["name"], "-n", manifest["metadata"]["namespace"])
    return found


def debug(cluster: Cluster, found: Manifest, *sources: dict[str, Any], name: str = "debug") -> Completed:
    """Adds an ephemeral container, as `kubectl debug` does."""
    container = {"name": name, "image": "busybox:1", "envFrom": list(sources)}
    manifest = {**found, "spec": {**found["spec"], "ephemeralContainers": [container]}}
    metadata = found["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/ephemeralcontainers"
    return raw(cluster, "replace", path, manifest, user=DEVELOPER)


def test_an_ephemeral_container_needs_the_reference_of_its_pods_annotation(policies: Cluster, spaces: Spaces) -> None:
    found = stored(policies, wired(f"{spaces.tenant}/", SANDBOX, labels()))
    accepted(debug(policies, found, reference(SANDBOX)))
    for sources in ([], [reference("renv.computer")]):
        refused(debug(policies, found, *sources), "pods", UNREFERENCED, SANDBOX)


def test_labels_changed_since_do_not_matter_to_it(policies: Cluster, spaces: Spaces) -> None:
    found = stored(policies, wired(f"{spaces.tenant}/", SANDBOX, labels()))
    name = found["metadata"]["name"]
    policies.kubectl(
        "label", "pod", name, "-n", spaces.tenant, "--overwrite", f"{DOMAIN}/workspace=w", f"{DOMAIN}/target=agent"
    )
    found = policies.get_json("pod", name, "-n", spaces.tenant)
    accepted(debug(policies, found, reference(SANDBOX)))
    refused(debug(policies, found, reference("renv.agent.w-w")), "pods", UNREFERENCED, SANDBOX)


def test_a_pod_older_than_its_label_can_still_be_debugged(policies: Cluster, spaces: Spaces) -> None:
    for namespace in (spaces.tenant, spaces.stranger):
        found = stored(policies, pod(f"{namespace}/", {}))
        name = found["metadata"]["name"]
        policies.kubectl("label", "pod", name, "-n", namespace, f"{DOMAIN}/target=sandbox")
        accepted(debug(policies, policies.get_json("pod", name, "-n", namespace)))


def test_a_pod_that_opts_out_later_can_be_debugged_without_environment(policies: Cluster, spaces: Spaces) -> None:
    found = stored(policies, wired(f"{spaces.tenant}/", SANDBOX, labels()))
    name = found["metadata"]["name"]
    policies.kubectl("label", "pod", name, "-n", spaces.tenant, f"{DOMAIN}/inject=false")
    accepted(debug(policies, policies.get_json("pod", name, "-n", spaces.tenant)))


def test_ephemeral_containers_that_are_there_already_are_not_asked_again(policies: Cluster, spaces: Spaces) -> None:
    found = stored(policies, pod(f"{spaces.tenant}/", {}))
    name = found["metadata"]["name"]
    old = {"name": "old", "image": "busybox:1"}
    manifest = {**found, "spec": {**found["spec"], "ephemeralContainers": [old]}}
    path = f"/api/v1/namespaces/{spaces.tenant}/pods/{name}/ephemeralcontainers"
    policies.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(manifest))
    policies.kubectl("annotate", "pod", name, "-n", spaces.tenant, f"{names.INJECTED_ANNOTATION}={SANDBOX}")
    policies.kubectl("label", "pod", name, "-n", spaces.tenant, f"{DOMAIN}/target=sandbox")
    found = policies.get_json("pod", name, "-n", spaces.tenant)
    fresh = {"name": "fresh", "image": "busybox:1", "envFrom": [reference(SANDBOX)]}
    both = {**found, "spec": {**found["spec"], "ephemeralContainers": [*found["spec"]["ephemeralContainers"], fresh]}}
    accepted(raw(policies, "replace", path, both, user=DEVELOPER))


def test_other_updates_of_a_labelled_pod_are_free(policies: Cluster, spaces: Spaces) -> None:
    found = stored(policies, pod(f"{spaces.stranger}/", {}))
    name = found["metadata"]["name"]
    policies.kubectl("label", "pod", name, "-n", spaces.stranger, f"{DOMAIN}/target=sandbox")
    policies.kubectl("annotate", "pod", name, "-n", spaces.stranger, "note=free", user=DEVELOPER)
    policies.kubectl("delete", "pod", name, "-n", spaces.stranger, "--force", user=DEVELOPER)
