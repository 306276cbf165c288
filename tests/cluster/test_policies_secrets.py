"""Only the controller writes what is derived; DELETE and metadata are free (design §4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core import names
from tests.builders import Manifest, encoded, source_secret
from tests.cluster.conftest import DEVELOPER, Spaces
from tests.cluster.writes import accepted, create, patch, refused
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster

pytestmark = pytest.mark.usefixtures("people")

CONTROLLER = f"system:serviceaccount:{NAMESPACE}:runtime-env-controller"
# A type of ours that no controller of this release acts upon: one may be running beside these tests.
DERIVED_TYPE = f"{names.GROUP}/tested"


def secret(ref: str, kind: str = "Opaque", **fields: Any) -> Manifest:
    return {**source_secret(ref, {"A": "1"}, consent=False), "type": kind, **fields}


@pytest.fixture
def derived(policies: Cluster, spaces: Spaces) -> Iterator[str]:
    """A Secret of one of our types, made by the controller."""
    accepted(create(policies, secret(f"{spaces.tenant}/derived", DERIVED_TYPE), user=CONTROLLER, dry_run=False))
    yield "secret/derived"
    policies.kubectl("delete", "secret", "derived", "-n", spaces.tenant, "--ignore-not-found")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("renv.sandbox", "Opaque"),
        ("renv.x", "Opaque"),
        ("rvar.0", "Opaque"),
        ("mine", names.ENV_TYPE),
        ("mine", names.ENCRYPTED_TYPE),
        ("mine", DERIVED_TYPE),
    ],
)
@pytest.mark.parametrize("user", [DEVELOPER, None], ids=["developer", "administrator"])
def test_nobody_else_creates_a_secret_of_these_names_and_types(
    policies: Cluster, spaces: Spaces, name: str, kind: str, user: str | None
) -> None:
    refused(create(policies, secret(f"{spaces.tenant}/{name}", kind), user=user), "secrets")


def test_a_generated_name_is_no_way_around(policies: Cluster, spaces: Spaces) -> None:
    manifest = secret(f"{spaces.tenant}/x")
    manifest["metadata"] = {"namespace": spaces.tenant, "generateName": "renv.x-"}
    refused(create(policies, manifest, user=DEVELOPER), "secrets")


def test_string_data_is_no_way_around(policies: Cluster, spaces: Spaces, derived: str) -> None:
    done = patch(policies, derived, spaces.tenant, {"stringData": {"A": "2"}}, user=DEVELOPER)
    refused(done, "secrets", "written by the Runtime Env controller alone")


@pytest.mark.parametrize(
    "change",
    [{"data": encoded({"A": "2"})}, {"data": encoded({"B": "1"})}, {"data": None}, {"immutable": True}],
    ids=["another value", "another name", "no values", "immutable"],
)
def test_nobody_else_changes_what_they_hold(
    policies: Cluster, spaces: Spaces, derived: str, change: dict[str, Any]
) -> None:
    refused(patch(policies, derived, spaces.tenant, change, user=DEVELOPER), "secrets")
    refused(patch(policies, derived, spaces.tenant, change), "secrets")


def test_metadata_no_op_updates_and_delete_are_free(policies: Cluster, spaces: Spaces, derived: str) -> None:
    change = {"metadata": {"labels": {"a": "b"}, "finalizers": ["example.org/kept"]}}
    accepted(patch(policies, derived, spaces.tenant, change, user=DEVELOPER))
    stored = policies.get_json(derived, "-n", spaces.tenant)
    accepted(policies.kubectl("replace", "--dry-run=server", "-f", "-", input=json.dumps(stored), user=DEVELOPER))
    accepted(policies.kubectl("delete", derived, "-n", spaces.tenant, user=DEVELOPER))


def test_the_controller_writes_and_rewrites(policies: Cluster, spaces: Spaces, derived: str) -> None:
    stored = policies.get_json(derived, "-n", spaces.tenant)
    stored["data"] = encoded({"B": "2"})
    accepted(policies.kubectl("replace", "--dry-run=server", "-f", "-", input=json.dumps(stored), user=CONTROLLER))
    accepted(create(policies, secret(f"{spaces.tenant}/rvar.0", names.ENCRYPTED_TYPE), user=CONTROLLER))


@pytest.mark.parametrize("name", ["renvx", "my-renv.x", "rvars", "runtime-env-keyring"])
def test_other_secrets_are_everybodys(policies: Cluster, spaces: Spaces, name: str) -> None:
    accepted(create(policies, secret(f"{spaces.tenant}/{name}"), user=DEVELOPER))


def test_an_administrator_may_import_the_keyring(policies: Cluster) -> None:
    for name in (names.KEYRING_SECRET, names.KEK_SECRET, names.COMPARE_KEYS_SECRET):
        accepted(create(policies, secret(f"default/{name}")))
