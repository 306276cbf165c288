"""Both kinds as the controller reads them, and what they show of themselves (design §3)."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from runtimeenv.core.identity import (
    Identity,
    Layer,
    Ref,
    Tenant,
    Workspace,
    scope_fields,
)
from runtimeenv.core.resources import (
    ReceivedVariable,
    RuntimeEnv,
    RuntimeEnvStatus,
    RuntimeEnvVar,
    RuntimeEnvVarStatus,
    SecretKeyRef,
)
from runtimeenv.errors import Invalid
from tests.builders import runtime_env, variable
from tests.unit.core.strategies import identities

CANARY = "sk-canary"
SEALED = f"renv1.xwing.0123456789abcdef.{CANARY}"


def changed(**spec: Any) -> dict[str, Any]:
    manifest = variable("acme/x", sealed=SEALED)
    return {**manifest, "spec": {**manifest["spec"], **spec}}


@given(identities)
def test_a_variables_identity_is_read_from_its_spec_and_its_namespaces_tenant(identity: Identity) -> None:
    kind, tenant, workspace, project = scope_fields(identity.layer.scope)
    ids = {"workspaceId": workspace, "projectId": project}
    spec = {"scope": kind, "target": identity.layer.target, **{key: text for key, text in ids.items() if text}}
    read = RuntimeEnvVar.read(variable("acme/x", identity.name, SEALED, **spec))
    assert read.identity(tenant) == identity


def test_defaults_are_those_of_the_crd() -> None:
    read = RuntimeEnvVar.read(variable("acme/x", sealed=SEALED))
    assert (read.spec.target, read.spec.enabled, read.status, read.ref) == ("all", True, None, Ref("acme", "x"))
    assert read.identity("acme") == Identity(Layer(Tenant("acme"), "all"), "TOKEN")


@pytest.mark.parametrize("kind", [RuntimeEnvVar, RuntimeEnv])
def test_the_status_of_what_nobody_has_seen_says_nothing(kind: type[RuntimeEnvVar | RuntimeEnv]) -> None:
    manifest = changed() if kind is RuntimeEnvVar else runtime_env("acme/renv.agent", "agent")
    status = kind.read({**manifest, "status": {"observedGeneration": -1}}).status
    assert status is not None
    assert status.manifest() == {"observedGeneration": -1}


def test_metadata_is_read_as_far_as_it_is_used() -> None:
    manifest = changed()
    manifest["metadata"] |= {"uid": "u", "generation": 3, "resourceVersion": "7", "creationTimestamp": "T", "x": {}}
    metadata = RuntimeEnvVar.read(manifest).metadata
    assert (metadata.uid, metadata.generation, metadata.creation_timestamp) == ("u", 3, "T")


def test_fields_of_a_newer_release_are_ignored() -> None:
    assert RuntimeEnvVar.read(changed(later={"a": 1})).spec.name == "TOKEN"


def test_the_two_sources() -> None:
    reference = {"secretKeyRef": {"name": "a", "key": "b"}}
    sealed = RuntimeEnvVar.read(changed())
    referring = RuntimeEnvVar.read(changed(sealedValue=None, valueFrom=reference))
    assert sealed.spec.source == SEALED
    assert referring.spec.source == SecretKeyRef(name="a", key="b")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"sealedValue": None}, "spec"),
        ({"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}, "spec"),
        ({"value": CANARY}, "spec.value"),
        ({"value": CANARY, "sealedValue": None}, "spec.value"),
        ({"value": ""}, "spec.value"),
        ({"value": 8080}, "spec.value"),
    ],
)
def test_an_object_stored_while_the_rules_were_away_has_no_source(spec: dict[str, Any], field: str) -> None:
    read = RuntimeEnvVar.read(changed(**spec))
    with pytest.raises(Invalid) as refused:
        _ = read.spec.source
    assert refused.value.field == field
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"scope": "galaxy"}, "spec.scope"),
        ({"target": "phone"}, "spec.target"),
        ({"name": 1}, "spec.name"),
        ({"enabled": "yes"}, "spec.enabled"),
        ({"sealedValue": 8080}, "spec.sealedValue"),
        ({"sealedValue": CANARY * 10_000}, "spec.sealedValue"),
        ({"sealedValue": [CANARY]}, "spec.sealedValue"),
        ({"valueFrom": {}}, "spec.valueFrom.secretKeyRef"),
        ({"valueFrom": {"secretKeyRef": {"name": CANARY}}}, "spec.valueFrom.secretKeyRef.key"),
        ({"metadata": CANARY}, "spec.metadata"),
    ],
)
def test_what_is_out_of_form_is_named_and_never_repeated(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        RuntimeEnvVar.read(changed(**spec))
    assert refused.value.field == field
    assert CANARY not in "".join(traceback.format_exception(refused.value))


def test_pydantics_own_error_repeats_nothing_either() -> None:
    with pytest.raises(ValidationError) as refused:
        RuntimeEnvVar.model_validate(changed(sealedValue=[CANARY], value=CANARY, scope=CANARY))
    assert CANARY not in str(refused.value)


def test_neither_value_nor_sealed_text_shows() -> None:
    read = RuntimeEnvVar.read(changed(value=CANARY))
    assert CANARY not in f"{read} {read!r} {read.spec}"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"name": "lower"}, "spec.name"),
        ({"scope": "workspace"}, "spec.workspaceId"),
        ({"scope": "project", "projectId": "-"}, "spec.projectId"),
        ({"projectId": "p"}, "spec.projectId"),
    ],
)
def test_an_identity_out_of_form_is_refused_by_its_field(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        RuntimeEnvVar.read(changed(**spec)).identity("acme")
    assert refused.value.field == field


def test_a_runtime_env_is_of_one_surface() -> None:
    assert RuntimeEnv.read(runtime_env("acme/x", "agent", workspaceId="w")).spec.workspace_id == "w"
    with pytest.raises(Invalid, match=r"spec\.target"):
        RuntimeEnv.read(runtime_env("acme/x", "all"))


def test_a_status_is_written_in_the_apis_words_without_what_is_absent() -> None:
    status = RuntimeEnvVarStatus(id="env_x", tenant_id="acme", observed_generation=2)
    assert status.manifest() == {"id": "env_x", "tenantId": "acme", "observedGeneration": 2}
    received = ReceivedVariable(name="A", scope="workspace", target="all", source="acme/x", overrides=["tenant/all"])
    written = RuntimeEnvStatus(secret_name="renv.agent", variables=[received]).manifest()
    assert written["secretName"] == "renv.agent"
    assert written["variables"][0]["overrides"] == [str(Layer(Tenant("acme"), "all"))]
    assert RuntimeEnvStatus.read(written).manifest() == written


def test_an_identity_keeps_the_tenant_it_is_asked_for() -> None:
    read = RuntimeEnvVar.read(changed(scope="workspace", workspaceId="w"))
    assert read.identity("globex").layer.scope == Workspace("globex", "w")
