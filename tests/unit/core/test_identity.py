"""Scopes, identities and ids (design §2, §3)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.core.identity import (
    Identity,
    Layer,
    Project,
    Ref,
    Scope,
    Tenant,
    Workspace,
    parse_id,
    parse_name,
    parse_surface,
    parse_target,
    scope_fields,
    scope_kind,
    scope_of,
)
from runtimeenv.errors import Invalid
from tests.unit.core.strategies import identities, ids, scopes, variable_names


@given(scopes)
def test_a_scope_is_made_again_from_the_apis_three_fields(scope: Scope) -> None:
    kind, tenant, workspace, project = scope_fields(scope)
    assert scope_of(kind, tenant, workspace or None, project or None) == scope
    assert scope_kind(scope) == kind


@given(ids, ids)
def test_a_workspace_and_a_project_of_one_id_are_not_the_same(tenant: str, text: str) -> None:
    workspace, project = Workspace(tenant, text), Project(tenant, text)
    assert len({workspace, project}) == 2
    assert scope_fields(workspace) != scope_fields(project)
    assert Identity(Layer(workspace, "all"), "A").id != Identity(Layer(project, "all"), "A").id


@pytest.mark.parametrize(
    ("kind", "workspace", "project", "field"),
    [
        ("galaxy", None, None, "scope"),
        ("", None, None, "scope"),
        ("workspace", None, None, "workspaceId"),
        ("workspace", "", None, "workspaceId"),
        ("workspace", "w", "p", "projectId"),
        ("workspace", "-w", None, "workspaceId"),
        ("project", None, None, "projectId"),
        ("project", "w", "p", "workspaceId"),
        ("project", None, "p/", "projectId"),
        ("tenant", "w", None, "workspaceId"),
        ("tenant", None, "p", "projectId"),
    ],
)
def test_ids_are_exactly_those_of_the_scope(kind: str, workspace: str | None, project: str | None, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        scope_of(kind, "acme", workspace, project)
    assert refused.value.field == field


@given(identities)
def test_an_id_has_a_fixed_form_and_depends_on_the_identity_alone(identity: Identity) -> None:
    assert re.fullmatch(r"env_[a-z2-7]{26}", identity.id)
    again = Identity(Layer(identity.layer.scope, identity.layer.target), identity.name)
    assert (again, hash(again), again.id) == (identity, hash(identity), identity.id)


@given(identities, identities)
def test_two_identities_have_two_ids(one: Identity, other: Identity) -> None:
    assert (one.id == other.id) is (one == other)


def test_an_id_never_changes_between_releases() -> None:
    identity = Identity(Layer(Workspace("acme", "ws_123"), "sandbox"), "ANTHROPIC_API_KEY")
    assert identity.id == "env_77e6c53vrqbusuw6ciw2svcl2q"


@given(ids)
def test_ids_in_form_are_taken_as_they_are(text: str) -> None:
    assert parse_id("field", text) == text


@given(variable_names)
def test_names_in_form_are_taken_as_they_are(text: str) -> None:
    assert parse_name("field", text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", ".a", "a\n", "a b", "é", "a/b", "a" * 64])
def test_ids_out_of_form_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="must be 1 to 63 letters"):
        parse_id("workspaceId", text)


@pytest.mark.parametrize("text", ["", "a", "1A", "A-B", "A\n", "Ä", "A.B", "A" * 129])
def test_names_out_of_form_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="must be upper-case letters"):
        parse_name("spec.name", text)


@given(st.text(min_size=20))
@pytest.mark.parametrize("parse", [parse_id, parse_name, parse_target, parse_surface])
def test_no_error_repeats_its_input(parse: Callable[[str, str], str], text: str) -> None:
    answer: object = None
    try:
        answer = parse("field", text)
    except Invalid as refused:
        answer = refused
    assert answer == text or text not in str(answer)


def test_a_variable_may_be_for_all_but_a_pod_is_of_one_surface() -> None:
    assert parse_target("field", "all") == "all"
    assert parse_surface("field", "agent") == "agent"
    for text in ("all", "", "Sandbox", "vm"):
        with pytest.raises(Invalid, match="use one of sandbox, computer, agent"):
            parse_surface("field", text)
    with pytest.raises(Invalid, match="use one of all, sandbox, computer, agent"):
        parse_target("field", "vm")


def test_layers_and_refs_read_as_they_are_shown_to_users() -> None:
    shown = [str(Layer(scope, "sandbox")) for scope in (Tenant("t"), Workspace("t", "w"), Project("t", "p"))]
    assert shown == ["tenant/sandbox", "workspace w/sandbox", "project p/sandbox"]
    assert str(Ref("acme", "x")) == "acme/x"
