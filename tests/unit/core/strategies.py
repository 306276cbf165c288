"""Valid ids, names, scopes and shapes, for Hypothesis."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from runtimeenv.core.identity import (
    NAME_PATTERN,
    SURFACES,
    TARGETS,
    Identity,
    Layer,
    Project,
    Scope,
    Shape,
    Tenant,
    Workspace,
)

ids: Final[SearchStrategy[str]] = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9_.-]{0,20}[A-Za-z0-9])?\Z")
variable_names: Final[SearchStrategy[str]] = st.from_regex(rf"\A{NAME_PATTERN}\Z").filter(lambda name: len(name) <= 128)
scopes: Final[SearchStrategy[Scope]] = st.one_of(
    st.builds(Tenant, ids), st.builds(Workspace, ids, ids), st.builds(Project, ids, ids)
)
layers: Final = st.builds(Layer, scopes, st.sampled_from(TARGETS))
identities: Final = st.builds(Identity, layers, variable_names)
shapes: Final = st.builds(Shape, st.sampled_from(SURFACES), st.none() | ids, st.none() | ids)
