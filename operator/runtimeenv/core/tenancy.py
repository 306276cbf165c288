"""The namespace is the boundary: what its enrolment lets it define, and what its pods see (design §4).

Unknown, empty and ambiguous are refused: every function here answers None or raises, and never matches everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from runtimeenv.core import names
from runtimeenv.core.identity import (
    Project,
    Scope,
    Shape,
    Workspace,
    parse_id,
    parse_surface,
)
from runtimeenv.errors import Denied, Invalid

SHOWN: Final = 512
"""Characters of a namespace's projects that an error lists; of more it says how many they are."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A namespace's tenant, and what narrows it. ``projects`` are those that a workspace's namespace lists."""

    tenant: str
    workspace: str | None = None
    project: str | None = None
    projects: frozenset[str] = frozenset()

    def admits(self, scope: Scope) -> bool:
        """May this namespace define a variable of this scope? The narrowest label alone decides."""
        if scope.tenant != self.tenant:
            return False
        if self.project is not None:
            return scope == Project(self.tenant, self.project)
        if self.workspace is not None:
            return scope == Workspace(self.tenant, self.workspace)
        return True

    @property
    def defines(self) -> str:
        """What `admits` lets through, in words for messages."""
        if self.project is not None:
            return f"scope project of project {self.project}"
        if self.workspace is not None:
            return f"scope workspace of workspace {self.workspace}"
        return f"any scope of tenant {self.tenant}"

    def shape(self, labels: Mapping[str, str], domain: str = names.DEFAULT_POD_DOMAIN) -> Shape:
        """The shape of a pod with these labels. Raises Denied, naming both values, or Invalid."""
        return self.choose(
            labels.get(f"{domain}/target", ""),
            labels.get(f"{domain}/workspace"),
            labels.get(f"{domain}/project"),
            lambda word: f"label {domain}/{word}",
        )

    def choose(self, target: str, workspace: str | None, project: str | None, field: Callable[[str], str]) -> Shape:
        """The shape with these ids, if this namespace lets it choose; ``field`` names them in errors."""
        surface = parse_surface(field("target"), target)
        if workspace is not None and self._fixes_workspace and workspace != self.workspace:
            fixed = self.workspace or "none"
            raise Denied(
                f"{field('workspace')} is {_shown(workspace)}, but the namespace fixes the workspace as {fixed}"
            )
        if project is not None and not self._may_choose_project(project):
            raise Denied(f"{field('project')} is {_shown(project)}, but the namespace {self._project_rule}")
        return Shape(
            surface,
            self.workspace if self._fixes_workspace else _checked(field("workspace"), workspace),
            self.project if self.project is not None else _checked(field("project"), project),
        )

    @property
    def _fixes_workspace(self) -> bool:
        return self.workspace is not None or self.project is not None

    def _may_choose_project(self, project: str) -> bool:
        if self.project is not None:
            return project == self.project
        return self.workspace is None or project in self.projects

    @property
    def _project_rule(self) -> str:
        if self.project is not None:
            return f"fixes the project as {self.project}"
        listed = ", ".join(sorted(self.projects)) or "none"
        listed = listed if len(listed) <= SHOWN else f"{len(self.projects)} others"
        return f"lists {listed} in its annotation {names.PROJECTS_ANNOTATION}"


def enrolment(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Enrolment | None:
    """A namespace's enrolment, or None where it has none or its labels are out of form."""
    try:
        return Enrolment(
            parse_id("tenant", labels.get(names.TENANT_LABEL, "")),
            _checked("workspace", labels.get(names.WORKSPACE_LABEL)),
            _checked("project", labels.get(names.PROJECT_LABEL)),
            _listed(annotations.get(names.PROJECTS_ANNOTATION, "")),
        )
    except Invalid:
        return None


def _listed(projects: str) -> frozenset[str]:
    """Of an annotation beyond the limit none counts: it was stored while the policy was away."""
    if len(projects) > names.PROJECTS_LIMIT:
        return frozenset()
    return frozenset(project.strip() for project in projects.split(",") if project.strip())


def _checked(field: str, text: str | None) -> str | None:
    return None if text is None else parse_id(field, text)


def _shown(text: str) -> str:
    return text if len(text) <= 63 and text.isprintable() else "out of form"
