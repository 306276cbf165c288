"""The REST API's service account writes variables in home namespaces alone (design §4)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests import builders
from tests.builders import Manifest, variable
from tests.cluster.conftest import DEVELOPER, PROJECT, TENANT, WORKSPACE, Spaces
from tests.cluster.homes import API
from tests.cluster.writes import SEALED, accepted, create, patch, refused
from tests.kube.cluster import Cluster, Completed, wait

pytestmark = pytest.mark.usefixtures("people", "homes")

ELSEWHERE = ("tenant", "workspace", "project")
HOME_ALONE = f"the Runtime Env API writes only in the home namespace of tenant {TENANT}"


@dataclass(frozen=True)
class Homes:
    """Namespaces with the home label: as it is meant, with another text, and, though refused, narrowed as well."""

    good: str
    unsure: str
    narrowed: str


@pytest.fixture(scope="module")
def homes(policies: Cluster, spaces: Spaces) -> Iterator[Homes]:
    mark = secrets.token_hex(3)
    made = Homes(f"home-{mark}", f"unsure-{mark}", f"narrowed-{mark}")
    policies.apply(
        [builders.namespace(made.good, TENANT, home="true"), builders.namespace(made.unsure, TENANT, home="yes")]
    )
    while_enrolment_is_free(policies, builders.namespace(made.narrowed, TENANT, WORKSPACE, home="true"))
    probe = variable(f"{spaces.tenant}/probe", sealed=SEALED)
    wait(lambda: "runtime-env-api" in create(policies, probe, user=API).err, "the policy to be in force")
    wait(lambda: write(policies, made.good).code == 0, "the policies to know the home")
    yield made
    policies.kubectl("delete", "namespace", "--wait=false", made.good, made.unsure, made.narrowed)


def while_enrolment_is_free(cluster: Cluster, namespace: Manifest) -> None:
    """Stores a namespace that the policy on enrolment refuses, as if it had been away for a while."""
    binding = cluster.get_json("validatingadmissionpolicybinding", "runtime-env-enrolment")
    cluster.kubectl("delete", "validatingadmissionpolicybinding", "runtime-env-enrolment")
    try:
        wait(lambda: create(cluster, namespace, dry_run=False).code == 0, "the policy to be away")
    finally:
        restored = {"name": "runtime-env-enrolment", "labels": binding["metadata"]["labels"]}
        cluster.apply({**binding, "metadata": restored}, "--server-side", "--field-manager=runtime-env-harness")
    probe = builders.namespace("probe", workspace="ws")
    wait(lambda: "runtime-env-enrolment" in create(cluster, probe).err, "the policy to be back")


def write(cluster: Cluster, namespace: str, user: str = API, **spec: str) -> Completed:
    return create(cluster, variable(f"{namespace}/written", "TOKEN", SEALED, **spec), user=user)


@contextmanager
def stored(cluster: Cluster, namespace: str, **spec: str) -> Iterator[None]:
    """A variable that a user wrote; gone afterwards, or an operator that starts later would miss its keyring."""
    cluster.apply(variable(f"{namespace}/stored", "STORED", SEALED, **spec))
    yield
    cluster.kubectl("delete", "rvar", "stored", "-n", namespace)


def test_it_writes_every_scope_in_a_home(policies: Cluster, homes: Homes) -> None:
    accepted(write(policies, homes.good))
    accepted(write(policies, homes.good, scope="workspace", workspaceId=WORKSPACE))
    accepted(write(policies, homes.good, scope="project", projectId=PROJECT))


def test_it_changes_and_deletes_in_a_home_what_others_wrote_too(policies: Cluster, homes: Homes) -> None:
    with stored(policies, homes.good):
        accepted(patch(policies, "rvar/stored", homes.good, {"spec": {"enabled": False}}, user=API))
        accepted(delete(policies, homes.good))


def delete(cluster: Cluster, namespace: str) -> Completed:
    return cluster.kubectl("delete", "rvar", "stored", "-n", namespace, "--dry-run=server", user=API, check=False)


@pytest.mark.parametrize("sort", ELSEWHERE)
def test_it_creates_nothing_in_the_tenants_other_namespaces(policies: Cluster, spaces: Spaces, sort: str) -> None:
    refused(write(policies, getattr(spaces, sort), **fitting(sort)), "api", HOME_ALONE)
    accepted(write(policies, getattr(spaces, sort), DEVELOPER, **fitting(sort)))


def fitting(sort: str) -> dict[str, str]:
    """A scope that the namespace defines."""
    found = {"workspace": {"workspaceId": WORKSPACE}, "project": {"projectId": PROJECT}}
    return {"scope": sort, **found.get(sort, {})}


@pytest.mark.parametrize("sort", ELSEWHERE)
def test_it_neither_changes_nor_deletes_there(policies: Cluster, spaces: Spaces, sort: str) -> None:
    namespace: str = getattr(spaces, sort)
    with stored(policies, namespace, **fitting(sort)):
        refused(patch(policies, "rvar/stored", namespace, {"spec": {"enabled": False}}, user=API), "api", HOME_ALONE)
        refused(patch(policies, "rvar/stored", namespace, {"metadata": {"labels": {"a": "b"}}}, user=API), "api")
        refused(delete(policies, namespace), "api", HOME_ALONE)


def test_a_label_that_is_not_just_true_makes_no_home(policies: Cluster, homes: Homes) -> None:
    refused(write(policies, homes.unsure), "api", HOME_ALONE)


def test_a_narrowed_namespace_is_no_home_whatever_its_label_says(policies: Cluster, homes: Homes) -> None:
    refused(write(policies, homes.narrowed, scope="workspace", workspaceId=WORKSPACE), "api", HOME_ALONE)


def test_it_writes_nothing_in_a_namespace_of_nobody(policies: Cluster, spaces: Spaces) -> None:
    assert "the namespace is not enrolled" in write(policies, spaces.stranger).err


def test_what_a_home_may_not_define_it_may_not_either(policies: Cluster, homes: Homes) -> None:
    path = create(policies, variable(f"{homes.good}/written", "PATH", SEALED), user=API)
    refused(path, "variables", "spec.name: is reserved")
