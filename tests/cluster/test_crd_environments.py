"""What the API server takes as a RuntimeEnv (design §3)."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.core.identity import Shape
from runtimeenv.core.names import secret_name
from tests.builders import runtime_env
from tests.cluster.conftest import Spaces
from tests.cluster.writes import accepted, create, patch
from tests.kube.cluster import Cluster

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no target": ({"target": None}, "spec.target: Required value"),
    "target all": ({"target": "all"}, 'Unsupported value: "all": supported values: "sandbox", "computer", "agent"'),
    "an empty workspace": ({"workspaceId": ""}, "spec.workspaceId: Invalid value: workspaceId must be 1 to 63 letters"),
    "a workspace out of form": ({"workspaceId": "a b"}, "workspaceId must be 1 to 63 letters"),
    "a project out of form": ({"projectId": "-"}, "projectId must be 1 to 63 letters"),
    "a long project": ({"projectId": "p" * 64}, "spec.projectId: Too long"),
    "an unknown field": ({"workspace": "w"}, "workspace"),
}


@pytest.mark.parametrize("shape", [Shape("sandbox"), Shape("agent", "W", None), Shape("computer", "w" * 63, "p_1")])
def test_accepted(policies: Cluster, spaces: Spaces, shape: Shape) -> None:
    ids = {"workspaceId": shape.workspace, "projectId": shape.project}
    given = {key: value for key, value in ids.items() if value is not None}
    accepted(create(policies, runtime_env(f"{spaces.tenant}/{secret_name(shape)}", shape.surface, **given)))


@pytest.mark.parametrize("case", REFUSED)
def test_refused(policies: Cluster, spaces: Spaces, case: str) -> None:
    given, says = REFUSED[case]
    manifest = runtime_env(f"{spaces.tenant}/renv.sandbox")
    manifest["spec"] = {key: value for key, value in {**manifest["spec"], **given}.items() if value is not None}
    done = create(policies, manifest)
    assert done.code != 0, "it was accepted"
    assert says in done.err


def test_the_shape_never_changes(policies: Cluster, spaces: Spaces) -> None:
    accepted(create(policies, runtime_env(f"{spaces.tenant}/renv.agent", "agent"), dry_run=False))
    for change, field in (({"target": "sandbox"}, "target"), ({"workspaceId": "w"}, "workspaceId")):
        done = patch(policies, "renv/renv.agent", spaces.tenant, {"spec": change})
        assert done.code != 0, "it was accepted"
        assert f"spec.{field}: Forbidden: {field} never changes" in done.err
    accepted(patch(policies, "renv/renv.agent", spaces.tenant, {"metadata": {"labels": {"a": "b"}}}))
