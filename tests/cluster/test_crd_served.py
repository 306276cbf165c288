"""How both kinds are served: what never changes, what defaults to, how they are listed, found and explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core.crd import KINDS, Kind
from tests.builders import variable
from tests.cluster.conftest import Spaces
from tests.cluster.writes import SEALED, accepted, create, patch
from tests.kube import chart
from tests.kube.cluster import Cluster, wait

pytestmark = pytest.mark.usefixtures("without_webhooks")

NAME = "served"
OTHER_SEALED = f"{SEALED}QQ"


@pytest.fixture(scope="module")
def stored(policies: Cluster, spaces: Spaces) -> Iterator[dict[str, Any]]:
    """A workspace's variable, as the API server has it."""
    manifest = variable(f"{spaces.tenant}/{NAME}", "TOKEN", SEALED, scope="workspace", workspaceId="ws_1")
    accepted(create(policies, manifest, dry_run=False))
    yield policies.get_json("rvar", NAME, "-n", spaces.tenant)
    policies.kubectl("delete", "rvar", NAME, "-n", spaces.tenant)


def change(cluster: Cluster, spaces: Spaces, **spec: Any) -> Any:
    return patch(cluster, f"rvar/{NAME}", spaces.tenant, {"spec": spec})


def test_target_and_enabled_have_defaults(stored: dict[str, Any]) -> None:
    assert (stored["spec"]["target"], stored["spec"]["enabled"]) == ("all", True)


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("scope", {"scope": "project", "projectId": "p", "workspaceId": None}),
        ("scope", {"scope": "tenant", "workspaceId": None}),
        ("workspaceId", {"workspaceId": "ws_2"}),
        ("projectId", {"scope": "project", "projectId": "p", "workspaceId": None}),
        ("target", {"target": "agent"}),
        ("name", {"name": "OTHER"}),
    ],
)
@pytest.mark.usefixtures("stored")
def test_the_identity_never_changes(policies: Cluster, spaces: Spaces, field: str, spec: dict[str, Any]) -> None:
    done = change(policies, spaces, **spec)
    assert done.code != 0, "it was accepted"
    assert f"spec.{field}: Forbidden: {field} never changes: make another object" in done.err


@pytest.mark.parametrize(
    "spec",
    [
        {"enabled": False},
        {"metadata": {"owner": "a"}},
        {"sealedValue": OTHER_SEALED},
        {"sealedValue": None, "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
    ],
    ids=["enabled", "metadata", "sealedValue", "valueFrom"],
)
@pytest.mark.usefixtures("stored")
def test_all_else_may_change(policies: Cluster, spaces: Spaces, spec: dict[str, Any]) -> None:
    accepted(change(policies, spaces, **spec))


@pytest.mark.usefixtures("stored")
def test_an_update_in_clear_is_refused_without_repeating_it(policies: Cluster, spaces: Spaces) -> None:
    for spec in ({"value": "canary"}, {"value": "canary", "sealedValue": None}):
        done = change(policies, spaces, **spec)
        assert "spec.value: Forbidden: value is never stored in clear" in done.err
        assert "canary" not in done.out + done.err


@pytest.mark.usefixtures("stored")
def test_a_write_of_status_changes_neither_spec_nor_generation(policies: Cluster, spaces: Spaces) -> None:
    both = json.dumps({"spec": {"enabled": False, "value": "canary"}, "status": {"preview": "written"}})
    argv = ["patch", "rvar", NAME, "-n", spaces.tenant, "--subresource=status", "--type=merge", "-p", both]
    found = json.loads(policies.kubectl(*argv, "--dry-run=server", "-o", "json").out)
    assert (found["status"]["preview"], found["metadata"]["generation"]) == ("written", 1)
    assert (found["spec"]["enabled"], "value" in found["spec"]) == (True, False)


@pytest.mark.usefixtures("stored")
def test_the_columns_tell_all_but_the_value(policies: Cluster, spaces: Spaces) -> None:
    head, row = policies.kubectl("get", "rvar", NAME, "-n", spaces.tenant).out.splitlines()
    assert head.split() == ["NAME", "NAME", "SCOPE", "TARGET", "PREVIEW", "ENABLED", "READY", "AGE"]
    assert row.split()[:4] == [NAME, "TOKEN", "workspace", "all"]
    wide = policies.kubectl("get", "rvar", NAME, "-n", spaces.tenant, "-o", "wide").out
    assert {"REASON", "WORKSPACE", "PROJECT"} <= set(wide.split())
    assert SEALED not in wide


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("selector", "finds"),
    [
        ("spec.name=TOKEN,spec.workspaceId=ws_1", True),
        ("spec.scope=workspace,spec.target=all,spec.enabled=true", True),
        ("spec.scope=tenant", False),
        ("spec.projectId=p", False),
        ("spec.enabled=false", False),
    ],
)
def test_variables_are_found_by_their_fields(policies: Cluster, spaces: Spaces, selector: str, finds: bool) -> None:
    found = policies.kubectl("get", "rvar", "-n", spaces.tenant, f"--field-selector={selector}", "-o", "name").out
    assert (f"/{NAME}" in found) is finds


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_short_names_and_the_category_find_the_kinds(policies: Cluster, kind: Kind) -> None:
    served = policies.kubectl("api-resources", "--api-group=runtime.miosa.ai", "-o", "wide").out
    row = next(line for line in served.splitlines() if line.startswith(f"{kind.plural} "))
    assert row.split()[1] == kind.short
    assert row.split()[-1] == "runtime-env"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_kubectl_explains_every_field(policies: Cluster, kind: Kind) -> None:
    paths = sorted({"", *explained(policies, kind)})
    bare = [path for path in paths if "<empty>" in policies.kubectl("explain", f"{kind.short}{path}").out]
    assert len(paths) > 5
    assert bare == []


def explained(cluster: Cluster, kind: Kind) -> Iterator[str]:
    """The path of every field that has fields of its own, of spec and status."""
    definition = cluster.get_json("crd", f"{kind.plural}.runtime.miosa.ai")
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    yield from _paths("", {k: v for k, v in schema["properties"].items() if k in ("spec", "status")})


def _paths(prefix: str, properties: dict[str, Any]) -> Iterator[str]:
    for name, node in properties.items():
        yield f"{prefix}.{name}"
        inner = node.get("items", node).get("properties", {})
        yield from _paths(f"{prefix}.{name}", inner)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_the_crd_is_established_structural_and_without_complaint(policies: Cluster, kind: Kind) -> None:
    conditions = policies.get_json("crd", f"{kind.plural}.runtime.miosa.ai")["status"]["conditions"]
    states = {condition["type"]: condition["status"] for condition in conditions}
    assert states["Established"] == states["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in states


def test_the_policies_pass_the_api_servers_type_check(policies: Cluster) -> None:
    def checked() -> list[Any]:
        found = policies.get_json("validatingadmissionpolicies")["items"]
        ours = [policy for policy in found if re.match("runtime-env-", policy["metadata"]["name"])]
        return ours if all("typeChecking" in policy.get("status", {}) for policy in ours) else []

    installed = chart.of_kind(chart.rendered({"api": {"enabled": True}}), "ValidatingAdmissionPolicy")
    told = {policy["metadata"]["name"]: policy["status"]["typeChecking"] for policy in wait(checked, "the type checks")}
    assert told == {policy["metadata"]["name"]: {} for policy in installed}
