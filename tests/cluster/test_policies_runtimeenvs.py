"""A RuntimeEnv is named by its spec, and asks for no more than its namespace may see (design §3, §4)."""

from __future__ import annotations

import pytest

from runtimeenv.core.identity import Shape
from runtimeenv.core.names import secret_name
from tests.builders import Manifest, runtime_env
from tests.cluster.conftest import DEVELOPER, PROJECT, WORKSPACE, Spaces
from tests.cluster.writes import accepted, create, refused
from tests.kube.cluster import Cluster

pytestmark = pytest.mark.usefixtures("people")

ALL_CHARACTERS = "aZ0_.-9z"


def asked(namespace: str, workspace: str | None = None, project: str | None = None, name: str = "") -> Manifest:
    """A RuntimeEnv of these ids, under the one name that they give unless told another.

    Of a surface that no test's pod has: an operator at work beside these tests makes those.
    """
    spec = {key: value for key, value in (("workspaceId", workspace), ("projectId", project)) if value is not None}
    return runtime_env(f"{namespace}/{name or secret_name(Shape('computer', workspace, project))}", "computer", **spec)


@pytest.mark.parametrize(
    ("workspace", "project"),
    [
        (None, None),
        (WORKSPACE, None),
        (None, PROJECT),
        (WORKSPACE, PROJECT),
        ("a", "-".join("ab")),
        (ALL_CHARACTERS, ALL_CHARACTERS[::-1]),
        ("W" * 63, None),
        (None, "a" + "_" * 61 + "b"),
        ("ca", "u-d"),
    ],
)
def test_a_tenants_namespace_chooses_ids_freely(
    policies: Cluster, spaces: Spaces, workspace: str | None, project: str | None
) -> None:
    accepted(create(policies, asked(spaces.tenant, workspace, project), user=DEVELOPER))


@pytest.mark.parametrize(
    ("sort", "workspace", "project"),
    [
        ("workspace", WORKSPACE, None),
        ("workspace", WORKSPACE, PROJECT),
        ("workspace", WORKSPACE, "shop"),
        ("project", None, PROJECT),
    ],
)
def test_a_narrowed_namespace_asks_for_what_it_may_see(
    policies: Cluster, spaces: Spaces, sort: str, workspace: str | None, project: str | None
) -> None:
    accepted(create(policies, asked(getattr(spaces, sort), workspace, project), user=DEVELOPER))


@pytest.mark.parametrize(
    ("sort", "workspace", "project", "says"),
    [
        ("workspace", None, None, f"belongs to workspace {WORKSPACE}: give that"),
        ("workspace", "ws_2", None, f"belongs to workspace {WORKSPACE}: give that"),
        ("workspace", WORKSPACE, "secret", "not in the annotation runtime.miosa.ai/projects"),
        ("workspace", WORKSPACE, "blog", "not in the annotation runtime.miosa.ai/projects"),
        ("project", None, None, f"belongs to project {PROJECT}: give that"),
        ("project", None, "shop", f"belongs to project {PROJECT}: give that"),
        ("project", WORKSPACE, PROJECT, "belongs to no workspace"),
        ("stranger", None, None, "the namespace is not enrolled"),
    ],
)
def test_a_narrowed_namespace_asks_for_nothing_else(
    policies: Cluster, spaces: Spaces, sort: str, workspace: str | None, project: str | None, says: str
) -> None:
    refused(create(policies, asked(getattr(spaces, sort), workspace, project), user=DEVELOPER), "runtimeenvs", says)


@pytest.mark.parametrize(
    ("workspace", "name"),
    [
        (None, "mine"),
        (None, "renv.sandbox"),
        (None, "renv.computer.w-ws-u1"),
        (WORKSPACE, "renv.computer"),
        ("ws-u1", "renv.computer.w-ws-u1"),
        ("A", "renv.computer.w-a"),
    ],
)
def test_no_other_name_than_the_one_made_from_the_spec_is_taken(
    policies: Cluster, spaces: Spaces, workspace: str | None, name: str
) -> None:
    proper = secret_name(Shape("computer", workspace))
    done = create(policies, asked(spaces.tenant, workspace, name=name), user=DEVELOPER)
    refused(done, "runtimeenvs", f"metadata.name must be made from the spec: {proper}")


def test_administrators_and_the_controller_are_held_to_it_too(policies: Cluster, spaces: Spaces) -> None:
    controller = "system:serviceaccount:runtime-env-system:runtime-env-controller"
    for user in (None, controller):
        accepted(create(policies, asked(spaces.tenant), user=user))
        refused(create(policies, asked(spaces.tenant, name="mine"), user=user), "runtimeenvs")
