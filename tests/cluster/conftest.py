"""The chart's CRDs and policies in force, people, and namespaces under tenants: what the tests here build on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from runtimeenv.core import names
from tests import builders
from tests.cluster import api_client, homes
from tests.cluster.api_client import Customer
from tests.cluster.api_replicas import one, replicas  # noqa: F401 - fixtures
from tests.cluster.homes import Home
from tests.cluster.writes import SEALED, create
from tests.kube import chart
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator

TENANT = "acme"
WORKSPACE = "ws_1"
PROJECT = "Blog"
POD_LABELS = {f"{names.DEFAULT_POD_DOMAIN}/target": "sandbox"}
WEBHOOKS = ("00-runtime-env", "runtime-env")

# Who may enrol under TENANT and OTHER_TENANT; who may only write namespaces; who may do all inside namespaces.
OTHER_TENANT = "globex"
ENROLLER, NAMESPACE_ADMIN, DEVELOPER = "olga", "mallory", "dev"


@dataclass(frozen=True)
class Spaces:
    """Namespaces: of a whole tenant, of a workspace (which lists PROJECT and shop), of a project, of nobody."""

    tenant: str
    workspace: str
    project: str
    stranger: str


@pytest.fixture(scope="session")
def crds(control_plane: Cluster) -> Cluster:
    """The control plane with both kinds served."""
    chart.apply(control_plane, chart.of_kind(chart.rendered({}), "CustomResourceDefinition", "ClusterRole"))
    return control_plane


@pytest.fixture(scope="session")
def policies(crds: Cluster) -> Cluster:
    """The control plane with the chart's CRDs, roles and policies, in force; an operator may be at work in it."""
    accounts = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    chart.apply(crds, chart.of_kind(chart.rendered({"api": {"enabled": True}}), *accounts, *kinds))
    for policy, manifest in _forbidden().items():
        wait(lambda p=policy, m=manifest: p in create(crds, m).err, f"the policy {policy} to be in force")  # type: ignore[misc]
    return crds


@pytest.fixture(scope="module")
def without_webhooks(policies: Cluster) -> Iterator[Cluster]:
    """The same with both webhook configurations deleted, and the pods' policy in force; put back if there were any."""
    everyones = policies.get_json("mutatingwebhookconfigurations")["items"]
    found = [configuration for configuration in everyones if configuration["metadata"]["name"] in WEBHOOKS]
    policies.kubectl("delete", "mutatingwebhookconfigurations", "--ignore-not-found", *WEBHOOKS)
    probe = builders.pod("default/probe", POD_LABELS)
    wait(lambda: "runtime-env-pods" in create(policies, probe).err, "the webhooks to be called no longer")
    yield policies
    for configuration in found:
        metadata = {"name": configuration["metadata"]["name"], "labels": configuration["metadata"]["labels"]}
        policies.apply({**configuration, "metadata": metadata}, "--server-side", "--field-manager=runtime-env-harness")


@pytest.fixture(scope="session")
def spaces(policies: Cluster) -> Iterator[Spaces]:
    """One namespace of each sort."""
    mark = secrets.token_hex(3)
    made = Spaces(*(f"{sort}-{mark}" for sort in ("tenant", "workspace", "project", "stranger")))
    manifests = [
        builders.namespace(made.tenant, TENANT),
        builders.namespace(made.workspace, TENANT, WORKSPACE, projects=f"{PROJECT}, shop"),
        builders.namespace(made.project, TENANT, project=PROJECT),
        builders.namespace(made.stranger),
    ]
    policies.apply(manifests)
    names_made = [manifest["metadata"]["name"] for manifest in manifests]
    for name in names_made:
        wait(lambda name=name: policies.get_json("serviceaccount", "default", "-n", name), f"{name}'s account")  # type: ignore[misc]
    probe = builders.variable(f"{made.tenant}/probe", sealed=SEALED)
    wait(lambda: create(policies, probe).code == 0, "the policies to know the namespaces")
    yield made
    policies.kubectl("delete", "namespace", "--wait=false", *names_made)


@pytest.fixture
def home(operator: Operator) -> Iterator[Home]:
    """A new tenant, with one namespace."""
    with homes.new(operator) as made:
        yield made


@pytest.fixture(scope="module")
def customer(operator: Operator) -> Iterator[Customer]:
    """A new tenant with a home and an API key that writes, for all tests of a module."""
    with api_client.customer(operator) as made:
        yield made


@pytest.fixture(scope="session")
def people(control_plane: Cluster) -> Iterator[None]:
    """Roles for the three users."""
    writes = ["get", "list", "create", "update", "patch", "delete"]
    namespaces = {
        "apiGroups": [""],
        "resources": ["namespaces", "namespaces/status", "namespaces/finalize"],
        "verbs": writes,
    }
    enroll = {
        "apiGroups": [names.GROUP],
        "resources": ["tenants"],
        "resourceNames": [TENANT, OTHER_TENANT],
        "verbs": ["enroll"],
    }
    inside = {
        "apiGroups": ["", names.GROUP],
        "resources": ["secrets", "pods", "pods/ephemeralcontainers", "runtimeenvvars", "runtimeenvs"],
        "verbs": writes,
    }
    granted = {ENROLLER: [namespaces, enroll], NAMESPACE_ADMIN: [namespaces], DEVELOPER: [inside]}
    made = [manifest for user, rules in granted.items() for manifest in _role(user, rules)]
    control_plane.apply(made)
    yield
    for manifest in made:
        control_plane.kubectl("delete", manifest["kind"], manifest["metadata"]["name"])


def _role(user: str, rules: list[dict[str, list[str]]]) -> list[builders.Manifest]:
    api, name = "rbac.authorization.k8s.io", f"test-{user}"
    reference = {"apiGroup": api, "kind": "ClusterRole", "name": name}
    subject = {"apiGroup": api, "kind": "User", "name": user}
    common = {"apiVersion": f"{api}/v1", "metadata": {"name": name}}
    return [
        {**common, "kind": "ClusterRole", "rules": rules},
        {**common, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]},
    ]


def _forbidden() -> dict[str, builders.Manifest]:
    """One write that each policy refuses even an administrator. Of pods, a webhook that is there speaks first."""
    return {
        "runtime-env-enrolment": builders.namespace("probe", workspace="ws"),
        "runtime-env-variables": builders.variable("default/probe", sealed=SEALED),
        "runtime-env-runtimeenvs": builders.runtime_env("default/renv.sandbox"),
        "runtime-env-secrets": builders.source_secret("default/renv.probe", {}),
    }
