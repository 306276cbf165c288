"""docs/troubleshooting.md, of what the policies refuse first: namespaces, reserved names, Secrets of our names."""

from __future__ import annotations

import pytest

from runtimeenv.core import names
from tests import builders
from tests.cluster.conftest import DEVELOPER, ENROLLER, NAMESPACE_ADMIN, OTHER_TENANT, TENANT, WORKSPACE, Spaces
from tests.cluster.writes import SEALED, create, patch
from tests.kube.cluster import Cluster
from tests.symptoms import shown

pytestmark = pytest.mark.usefixtures("people")


def labelling(policies: Cluster, name: str, user: str, **labels: str) -> str:
    """The answer to whoever sets these labels of ours on a namespace."""
    change = {"metadata": {"labels": {f"{names.GROUP}/{label}": text for label, text in labels.items()}}}
    return patch(policies, f"namespace/{name}", "", change, user=user).err


def test_namespaces_that_can_not_be_enrolled(policies: Cluster, spaces: Spaces) -> None:
    said = labelling(policies, spaces.stranger, NAMESPACE_ADMIN, tenant=TENANT)
    shown("A namespace can't be enrolled: the verb", said)
    said = labelling(policies, spaces.tenant, ENROLLER, tenant=OTHER_TENANT)
    shown("A namespace can't be enrolled: it has a tenant", said)
    said = labelling(policies, spaces.stranger, ENROLLER, workspace=WORKSPACE)
    shown("A namespace can't be enrolled: no tenant", said)


def test_a_name_from_which_programs_run_code(policies: Cluster, spaces: Spaces) -> None:
    variable = builders.variable(f"{spaces.tenant}/preload", "LD_PRELOAD", sealed=SEALED)
    shown("A write is refused: the name is reserved", create(policies, variable, user=DEVELOPER).err)


def test_a_secret_with_a_name_of_ours(policies: Cluster, spaces: Spaces) -> None:
    secret = builders.source_secret(f"{spaces.tenant}/renv.sandbox", {"A": "1"})
    shown("A Secret is refused", create(policies, secret, user=DEVELOPER).err)
