"""Who may put a namespace under a tenant, and that it stays there (design §4)."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from runtimeenv.core import names
from tests.builders import Manifest, namespace
from tests.cluster.conftest import ENROLLER, NAMESPACE_ADMIN, OTHER_TENANT, PROJECT, TENANT, WORKSPACE, Spaces
from tests.cluster.writes import accepted, create, patch, raw, refused
from tests.kube.cluster import Cluster, wait

pytestmark = pytest.mark.usefixtures("people")

FOR_LIFE = "belongs to one tenant for life"
TENANT_FIRST = "set the label runtime.miosa.ai/tenant"
OWNER = "nora"  # of one namespace
NO_RIGHT = f'User "{OWNER}" cannot '
NOT_YOURS = "you may not enrol namespaces under tenant"


def labelled(**labels: str | None) -> dict[str, Any]:
    return {"metadata": {"labels": {f"{names.GROUP}/{name}": value for name, value in labels.items()}}}


def annotated(projects: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {names.PROJECTS_ANNOTATION: projects}}}


def fresh(**labels: str) -> Manifest:
    made = namespace(f"enrol-{secrets.token_hex(3)}")
    made["metadata"] |= labelled(**labels)["metadata"]
    return made


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"tenant": TENANT},
        {"tenant": TENANT, "workspace": WORKSPACE},
        {"tenant": TENANT, "project": PROJECT},
        {"tenant": TENANT, "workspace": WORKSPACE, "project": PROJECT},
        {"tenant": TENANT, "home": "true"},
        {"tenant": OTHER_TENANT},
    ],
    ids=str,
)
def test_whoever_may_enroll_makes_namespaces_of_a_tenant(policies: Cluster, labels: dict[str, str]) -> None:
    accepted(create(policies, fresh(**labels), user=ENROLLER))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"tenant": "umbrella"}, NOT_YOURS),
        ({"workspace": WORKSPACE}, TENANT_FIRST),
        ({"project": PROJECT}, TENANT_FIRST),
        ({"home": "true"}, TENANT_FIRST),
        ({"tenant": ""}, TENANT_FIRST),
        ({"tenant": "", "workspace": WORKSPACE}, TENANT_FIRST),
        ({"tenant": TENANT, "workspace": ""}, "need an id"),
        ({"tenant": TENANT, "project": ""}, "need an id"),
        ({"tenant": TENANT, "workspace": WORKSPACE, "home": "true"}, "for a namespace of the whole tenant"),
        ({"tenant": TENANT, "project": PROJECT, "home": "true"}, "for a namespace of the whole tenant"),
    ],
    ids=str,
)
def test_no_namespace_is_enrolled_otherwise(policies: Cluster, labels: dict[str, str], says: str) -> None:
    refused(create(policies, fresh(**labels), user=ENROLLER), "enrolment", says)


@pytest.mark.parametrize("labels", [{"tenant": TENANT}, {"tenant": TENANT, "home": "true"}], ids=str)
def test_whoever_may_only_write_namespaces_enrols_none(policies: Cluster, labels: dict[str, str]) -> None:
    refused(create(policies, fresh(**labels), user=NAMESPACE_ADMIN), "enrolment", NOT_YOURS, TENANT)


def test_other_labels_and_annotations_are_free(policies: Cluster, spaces: Spaces) -> None:
    accepted(create(policies, fresh(), user=NAMESPACE_ADMIN))
    change = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    for name in (spaces.tenant, spaces.workspace, spaces.stranger):
        accepted(patch(policies, f"namespace/{name}", "", change, user=NAMESPACE_ADMIN))


def test_a_namespace_without_tenant_may_be_enrolled_later_in_one_write(policies: Cluster, spaces: Spaces) -> None:
    target = f"namespace/{spaces.stranger}"
    accepted(patch(policies, target, "", labelled(tenant=TENANT, workspace=WORKSPACE), user=ENROLLER))
    refused(patch(policies, target, "", labelled(tenant=TENANT), user=NAMESPACE_ADMIN), "enrolment", NOT_YOURS)
    refused(patch(policies, target, "", labelled(workspace=WORKSPACE), user=ENROLLER), "enrolment", TENANT_FIRST)
    refused(patch(policies, target, "", annotated("blog"), user=ENROLLER), "enrolment", TENANT_FIRST)


@pytest.mark.parametrize(
    "labels",
    [
        {"tenant": OTHER_TENANT},
        {"tenant": None},
        {"tenant": ""},
        {"workspace": "ws_2"},
        {"workspace": None},
        {"project": PROJECT},
        {"tenant": None, "workspace": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("user", [ENROLLER, None], ids=["enroller", "administrator"])
def test_nobody_moves_an_enrolled_namespace(
    policies: Cluster, spaces: Spaces, labels: dict[str, str | None], user: str | None
) -> None:
    done = patch(policies, f"namespace/{spaces.workspace}", "", labelled(**labels), user=user)
    refused(done, "enrolment", FOR_LIFE)


@pytest.mark.parametrize("subresource", ["status", "finalize"])
def test_no_subresource_is_a_way_around(policies: Cluster, spaces: Spaces, subresource: str) -> None:
    for name, label, says in (
        (spaces.tenant, {"tenant": OTHER_TENANT}, FOR_LIFE),
        (spaces.stranger, {"tenant": TENANT}, NOT_YOURS),
    ):
        current = policies.get_json("namespace", name)
        current["metadata"]["labels"] |= labelled(**label)["metadata"]["labels"]
        path = f"/api/v1/namespaces/{name}/{subresource}"
        refused(raw(policies, "replace", path, current, user=NAMESPACE_ADMIN), "enrolment", says)


def test_the_namespace_controllers_own_writes_pass(policies: Cluster, spaces: Spaces) -> None:
    for subresource in ("status", "finalize"):
        current = policies.get_json("namespace", spaces.workspace)
        path = f"/api/v1/namespaces/{spaces.workspace}/{subresource}"
        accepted(raw(policies, "replace", path, current, user=NAMESPACE_ADMIN))


def test_projects_and_home_change_by_the_same_verb(policies: Cluster, spaces: Spaces) -> None:
    workspace, tenant = f"namespace/{spaces.workspace}", f"namespace/{spaces.tenant}"
    changes = [(workspace, annotated("blog")), (workspace, annotated(None)), (tenant, labelled(home="true"))]
    for target, change in changes:
        accepted(patch(policies, target, "", change, user=ENROLLER))
        refused(patch(policies, target, "", change, user=NAMESPACE_ADMIN), "enrolment", NOT_YOURS)


def test_a_list_of_projects_has_a_limit(policies: Cluster, spaces: Spaces) -> None:
    workspace = f"namespace/{spaces.workspace}"
    accepted(patch(policies, workspace, "", annotated("x" * names.PROJECTS_LIMIT), user=ENROLLER))
    done = patch(policies, workspace, "", annotated("x" * (names.PROJECTS_LIMIT + 1)), user=ENROLLER)
    refused(done, "enrolment", f"may have at most {names.PROJECTS_LIMIT} characters")
    accepted(patch(policies, workspace, "", annotated(None), user=ENROLLER))


def test_a_narrowed_namespace_is_no_home(policies: Cluster, spaces: Spaces) -> None:
    for name in (spaces.workspace, spaces.project):
        done = patch(policies, f"namespace/{name}", "", labelled(home="true"), user=ENROLLER)
        refused(done, "enrolment", "for a namespace of the whole tenant")


def test_a_role_inside_a_namespace_and_the_verb_enrol_that_one_alone(policies: Cluster, spaces: Spaces) -> None:
    rule = {"apiGroups": [names.GROUP], "resources": ["tenants"], "resourceNames": [TENANT], "verbs": ["enroll"]}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "test-verb"}}
    update = ("--verb=get,update,patch", "--resource=namespaces", "-n", spaces.stranger)
    bound = (f"--user={OWNER}", "-n", spaces.stranger)
    policies.apply({**role, "rules": [rule]})
    policies.kubectl("create", "clusterrolebinding", "test-verb", "--clusterrole=test-verb", f"--user={OWNER}")
    policies.kubectl("create", "role", "test-owner", *update)
    policies.kubectl("create", "rolebinding", "test-owner", "--role=test-owner", *bound)
    enrolled = labelled(tenant=TENANT)
    own = f"namespace/{spaces.stranger}"
    wait(lambda: patch(policies, own, "", enrolled, user=OWNER).code == 0, "the roles to be known")
    assert NO_RIGHT in patch(policies, "namespace/default", "", enrolled, user=OWNER).err
    assert NO_RIGHT in create(policies, fresh(tenant=TENANT), user=OWNER).err
    policies.kubectl("delete", "clusterrole,clusterrolebinding", "test-verb")
    policies.kubectl("delete", "role,rolebinding", "test-owner", "-n", spaces.stranger)


def test_a_deleted_namespace_may_be_made_anew_for_another_tenant(policies: Cluster) -> None:
    made = fresh(tenant=TENANT)
    name = made["metadata"]["name"]
    accepted(create(policies, made, user=ENROLLER, dry_run=False))
    policies.kubectl("delete", "namespace", name, user=ENROLLER)
    again = namespace(name, OTHER_TENANT)
    accepted(create(policies, again, user=ENROLLER, dry_run=False))
    policies.kubectl("delete", "namespace", name, "--wait=false")
