"""What a namespace may define, and what its pods see (design §4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.core import names
from runtimeenv.core.identity import Project, Scope, Shape, Tenant, Workspace, scope_fields
from runtimeenv.core.tenancy import Enrolment, enrolment
from runtimeenv.errors import Denied, Invalid
from tests.unit.core.strategies import ids, scopes

DOMAIN = "sandbox.users.io"

enrolments = st.builds(Enrolment, ids, st.none() | ids, st.none() | ids, st.frozensets(ids, max_size=3))


def labels(**words: str) -> dict[str, str]:
    return {f"{DOMAIN}/{word}": value for word, value in {"target": "sandbox", **words}.items()}


def enrolled(projects: str = "", **words: str) -> Enrolment | None:
    return enrolment(
        {f"{names.GROUP}/{word}": value for word, value in words.items()}, {names.PROJECTS_ANNOTATION: projects}
    )


@given(enrolments, scopes)
def test_nothing_of_another_tenant_is_admitted(enrolment: Enrolment, scope: Scope) -> None:
    assert not enrolment.admits(scope) or scope.tenant == enrolment.tenant


@given(ids, ids, ids, ids)
def test_the_narrowest_label_alone_says_what_may_be_defined(
    tenant: str, workspace: str, project: str, other: str
) -> None:
    own: dict[Scope, Enrolment] = {
        Tenant(tenant): Enrolment(tenant),
        Workspace(tenant, workspace): Enrolment(tenant, workspace),
        Project(tenant, project): Enrolment(tenant, workspace, project),
    }
    wide, middle, narrow = own.values()
    assert all(wide.admits(scope) for scope in (*own, Workspace(tenant, other), Project(tenant, other)))
    assert [middle.admits(scope) for scope in own] == [False, True, False]
    assert [narrow.admits(scope) for scope in own] == [False, False, True]
    assert middle.admits(Workspace(tenant, other)) is (other == workspace)
    assert narrow.admits(Project(tenant, other)) is (other == project)


@given(enrolments, st.none() | ids, st.none() | ids)
def test_a_pod_never_sees_what_its_namespace_does_not_let_it(
    enrolment: Enrolment, workspace: str | None, project: str | None
) -> None:
    asked = {word: text for word, text in (("workspace", workspace), ("project", project)) if text is not None}
    try:
        shape = enrolment.shape(labels(**asked), DOMAIN)
    except Denied:
        return
    if enrolment.project is not None:
        assert (shape.workspace, shape.project) == (enrolment.workspace, enrolment.project)
    elif enrolment.workspace is not None:
        assert shape.workspace == enrolment.workspace
        assert shape.project is None or shape.project in enrolment.projects
    else:
        assert (shape.workspace, shape.project) == (workspace, project)


@given(enrolments)
def test_labels_that_repeat_what_the_namespace_fixes_change_nothing(enrolment: Enrolment) -> None:
    fixed = {"workspace": enrolment.workspace, "project": enrolment.project}
    repeated = {word: text for word, text in fixed.items() if text is not None}
    assert enrolment.shape(labels(**repeated), DOMAIN) == enrolment.shape(labels(), DOMAIN)


@pytest.mark.parametrize(
    ("enrolment", "asked", "says"),
    [
        (
            Enrolment("t", "w"),
            {"workspace": "x"},
            f"{DOMAIN}/workspace is x, but the namespace fixes the workspace as w",
        ),
        (Enrolment("t", None, "p"), {"workspace": "x"}, "fixes the workspace as none"),
        (
            Enrolment("t", None, "p"),
            {"project": "x"},
            f"{DOMAIN}/project is x, but the namespace fixes the project as p",
        ),
        (Enrolment("t", "w"), {"project": "x"}, "lists none in its annotation"),
        (Enrolment("t", "w", None, frozenset("ab")), {"project": "x"}, "lists a, b in its annotation"),
        (Enrolment("t", "w"), {"workspace": ""}, "fixes the workspace as w"),
    ],
)
def test_any_other_label_is_denied_with_both_values_named(
    enrolment: Enrolment, asked: dict[str, str], says: str
) -> None:
    with pytest.raises(Denied, match=says):
        enrolment.shape(labels(**asked), DOMAIN)


@pytest.mark.parametrize("target", ["", "all", "vm", "Sandbox"])
def test_a_pod_without_a_surface_is_refused(target: str) -> None:
    with pytest.raises(Invalid, match=f"{DOMAIN}/target: use one of sandbox, computer, agent"):
        Enrolment("t").shape(labels(target=target), DOMAIN)


@pytest.mark.parametrize("asked", [{"workspace": ""}, {"project": "-"}, {"workspace": "a b"}])
def test_ids_out_of_form_are_refused_even_where_they_are_free(asked: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        Enrolment("t").shape(labels(**asked), DOMAIN)


def test_labels_of_another_domain_are_not_read() -> None:
    others = {f"{names.DEFAULT_POD_DOMAIN}/workspace": "w", **labels()}
    assert Enrolment("t").shape(others, DOMAIN) == Shape("sandbox")


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"tenant": ""},
        {"tenant": "-"},
        {"workspace": "w"},
        {"project": "p"},
        {"tenant": "t", "workspace": ""},
        {"tenant": "t", "project": "p."},
    ],
)
def test_labels_that_are_missing_or_out_of_form_enrol_nothing(words: dict[str, str]) -> None:
    assert enrolled(**words) is None


@given(ids, st.none() | ids, st.none() | ids, st.frozensets(ids, max_size=3))
def test_a_namespaces_labels_are_read_back(
    tenant: str, workspace: str | None, project: str | None, projects: frozenset[str]
) -> None:
    given_words = {"tenant": tenant, "workspace": workspace, "project": project}
    words = {word: text for word, text in given_words.items() if text is not None}
    assert enrolled(" ,".join(projects), **words) == Enrolment(tenant, workspace, project, projects)


def test_of_a_list_beyond_the_limit_no_project_may_be_chosen() -> None:
    most = ",".join(["blog", "x" * (names.PROJECTS_LIMIT - 5)])
    for projects, chosen in ((most, True), (most + "x", False)):
        found = enrolled(projects, tenant="t", workspace="w")
        assert found is not None
        assert ("blog" in found.projects, found.tenant, found.workspace) == (chosen, "t", "w")


def test_an_error_lists_the_projects_of_a_namespace_unless_they_are_many() -> None:
    for count, said in ((20, "lists p0, p1, p10, "), (200, "lists 200 others in its annotation")):
        listed = frozenset(f"p{number}" for number in range(count))
        with pytest.raises(Denied, match=said) as caught:
            Enrolment("t", "w", projects=listed).shape(labels(project="other"), DOMAIN)
        assert len(str(caught.value)) < 1024


@given(enrolments)
def test_what_may_be_defined_is_said_in_words(enrolment: Enrolment) -> None:
    narrowest = enrolment.project or enrolment.workspace or enrolment.tenant
    assert enrolment.defines.endswith(f" {narrowest}")


@given(scopes)
def test_a_shape_of_a_scope_is_admitted_by_the_namespace_that_it_names(scope: Scope) -> None:
    _, tenant, workspace, project = scope_fields(scope)
    assert Enrolment(tenant, workspace or None, project or None).admits(scope)
