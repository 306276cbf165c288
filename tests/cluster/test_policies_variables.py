"""What a namespace may define, and the names that nobody may set (design §3, §4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtimeenv.core import names
from runtimeenv.core.values import RESERVED, RESERVED_NAMES, RESERVED_PREFIXES
from tests.builders import Manifest, variable
from tests.cluster.conftest import DEVELOPER, PROJECT, WORKSPACE, Spaces
from tests.cluster.writes import SEALED, accepted, create, patch, raw, refused
from tests.kube.cluster import Cluster, Completed, wait

pytestmark = pytest.mark.usefixtures("people", "without_webhooks")

OF_TENANT: dict[str, Any] = {"scope": "tenant"}
OF_WORKSPACE = {"scope": "workspace", "workspaceId": WORKSPACE}
OF_PROJECT = {"scope": "project", "projectId": PROJECT}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def write(cluster: Cluster, namespace: str, name: str = "TOKEN", **spec: Any) -> Completed:
    return create(cluster, variable(f"{namespace}/x", name, SEALED, **spec), user=DEVELOPER)


@pytest.mark.parametrize(
    ("sort", "scopes"),
    [
        ("tenant", [OF_TENANT, OF_WORKSPACE, OF_PROJECT, {"scope": "project", "projectId": "any"}]),
        ("workspace", [OF_WORKSPACE]),
        ("project", [OF_PROJECT]),
    ],
)
def test_a_namespace_defines_what_its_narrowest_label_says(
    policies: Cluster, spaces: Spaces, sort: str, scopes: list[dict[str, str]]
) -> None:
    for scope in scopes:
        accepted(write(policies, getattr(spaces, sort), **scope))


@pytest.mark.parametrize(
    ("sort", "scopes", "says"),
    [
        (
            "workspace",
            [OF_TENANT, OF_PROJECT, {"scope": "workspace", "workspaceId": "ws_2"}],
            f"only scope workspace with workspaceId {WORKSPACE}",
        ),
        (
            "project",
            [OF_TENANT, OF_WORKSPACE, {"scope": "project", "projectId": PROJECT.lower()}],
            f"only scope project with projectId {PROJECT}",
        ),
        ("stranger", [OF_TENANT, OF_WORKSPACE, OF_PROJECT], "the namespace is not enrolled"),
    ],
)
def test_a_namespace_defines_nothing_else(
    policies: Cluster, spaces: Spaces, sort: str, scopes: list[dict[str, str]], says: str
) -> None:
    for scope in scopes:
        refused(write(policies, getattr(spaces, sort), **scope), "variables", says)


@pytest.mark.parametrize("name", ["PATH", "BASH_ENV", "NODE_OPTIONS", "LD_", "LD_PRELOAD", "KUBERNETES_SERVICE_HOST"])
def test_reserved_names_are_refused(policies: Cluster, spaces: Spaces, name: str) -> None:
    refused(write(policies, spaces.tenant, name), "variables", f"spec.name: {RESERVED}")


@pytest.mark.parametrize("name", ["PATHS", "MY_PATH", "LDAP", "XLD_PRELOAD", "ENVIRONMENT"])
def test_names_that_only_resemble_them_are_free(policies: Cluster, spaces: Spaces, name: str) -> None:
    accepted(write(policies, spaces.tenant, name))


def test_every_reserved_name_and_prefix_is_in_the_policy(policies: Cluster) -> None:
    policy = json.dumps(policies.get_json("validatingadmissionpolicy", "runtime-env-variables"))
    assert all(f"'{name}'" in policy for name in (*RESERVED_NAMES, *RESERVED_PREFIXES))


def test_a_reserved_name_stored_meanwhile_keeps_its_metadata_free(policies: Cluster, spaces: Spaces) -> None:
    with_policy_away(policies, variable(f"{spaces.tenant}/stored", "PATH", SEALED))
    labels = {"metadata": {"labels": {"a": "b"}, "finalizers": ["example.org/kept"]}}
    accepted(patch(policies, "rvar/stored", spaces.tenant, labels, user=DEVELOPER))
    disable = {"spec": {"enabled": False}}
    refused(
        patch(policies, "rvar/stored", spaces.tenant, disable, user=DEVELOPER), "variables", f"spec.name: {RESERVED}"
    )
    policies.kubectl("delete", "rvar", "stored", "-n", spaces.tenant, user=DEVELOPER)


def with_policy_away(cluster: Cluster, manifest: Manifest) -> None:
    """Stores what the policy refuses, as if it had been away for a while."""
    binding = cluster.get_json("validatingadmissionpolicybinding", "runtime-env-variables")
    cluster.kubectl("delete", "validatingadmissionpolicybinding", "runtime-env-variables")
    try:
        wait(lambda: create(cluster, manifest, dry_run=False).code == 0, "the policy to be away")
    finally:
        cluster.apply({**binding, "metadata": {"name": "runtime-env-variables"}}, "--server-side", "--force-conflicts")
    probe = {**manifest, "metadata": {**manifest["metadata"], "name": "probe"}}
    wait(lambda: "runtime-env-variables" in create(cluster, probe).err, "the policy to be back")


@pytest.mark.parametrize(
    "spec",
    [
        {"scope": "tenant", "value": "canary"},
        {"scope": "tenant", "sealedValue": "old", "value": "canary"},
        {"scope": "workspace", "target": "sandbox", "value": "canary", "workspaceId": "w"},
        {"scope": "tenant", "sealedValue": "old", "target": "all", "value": 8080},
    ],
    ids=["alone", "beside-sealed", "with-target", "integer"],
)
def test_plaintext_in_the_last_applied_annotation_is_refused(
    policies: Cluster, spaces: Spaces, spec: dict[str, Any]
) -> None:
    manifest = annotated(spaces.tenant, {"name": "TOKEN", "metadata": {"value": 1}, **spec})
    path = f"/apis/{names.API_VERSION}/namespaces/{spaces.tenant}/runtimeenvvars"
    done = raw(policies, "create", path, manifest, user=DEVELOPER)
    refused(done, "variables", "last-applied-configuration] holds spec.value in clear")
    assert "canary" not in done.out + done.err


def test_a_redacted_annotation_and_notes_called_value_are_free(policies: Cluster, spaces: Spaces) -> None:
    path = f"/apis/{names.API_VERSION}/namespaces/{spaces.tenant}/runtimeenvvars"
    for notes in ({}, {"value": "one of the notes", "scope": "tenant"}):
        manifest = annotated(spaces.tenant, {"name": "TOKEN", "metadata": notes, "scope": "tenant"})
        accepted(raw(policies, "create", path, manifest))


@pytest.mark.parametrize("inner", [{}, []], ids=["object", "array"])
def test_notes_are_at_most_16_objects_or_arrays_deep(policies: Cluster, spaces: Spaces, inner: object) -> None:
    for _ in range(7):
        inner = {"list": [1, inner], "text": "x"}
    accepted(write(policies, spaces.tenant, scope="tenant", metadata={"a": inner}))
    done = write(policies, spaces.tenant, scope="tenant", metadata={"a": [inner]})
    refused(done, "variables", "spec.metadata: must be at most 16 objects or arrays deep")


def annotated(namespace: str, spec: dict[str, Any]) -> Manifest:
    """A variable whose annotation says that `spec` was applied, in kubectl's own form."""
    manifest = variable(f"{namespace}/x", sealed=SEALED)
    applied = {**manifest, "metadata": {"annotations": {}, **manifest["metadata"]}, "spec": spec}
    manifest["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(applied, sort_keys=True, separators=(",", ":"))}
    return manifest
