"""Identities, values and keys for the tests of this room: one of each, and Hypothesis' of any."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from runtimeenv.core.identity import (
    ID_PATTERN,
    NAME_PATTERN,
    TARGETS,
    Identity,
    Layer,
    Project,
    Scope,
    Tenant,
    Workspace,
)
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.binding import Bound
from runtimeenv.crypto.keyring import DataKey, Keyring, UnsealingKey
from runtimeenv.crypto.seal import Suite

KEYRING: Final = Keyring(DataKey(bytes(range(32))), UnsealingKey(Suite.XWING, bytes(range(32, 64))))
OTHER_KEYRING: Final = Keyring(DataKey(bytes(range(64, 96))), UnsealingKey(Suite.XWING, bytes(range(96, 128))))

CANARY: Final = "sk-canary-3f9a1c77d2"
VALUE: Final = Plaintext(CANARY)
IDENTITY: Final = Identity(Layer(Workspace("acme", "ws_123"), "sandbox"), "ANTHROPIC_API_KEY")
BOUND: Final = Bound(IDENTITY, "7f3c1e1a-uid", enabled=True, created="2026-11-24T16:00:00Z", origin="7/9b2e-uid/4211")


def others(identity: Identity) -> list[Identity]:
    """One step away in each part: tenant, scope, id, target, NAME; and with characters moved between the parts."""
    scope = identity.layer.scope
    assert isinstance(scope, Workspace)
    scopes: list[Scope] = [
        Tenant(scope.tenant),
        Project(scope.tenant, scope.workspace),
        Workspace(scope.tenant + "2", scope.workspace),
        Workspace(scope.tenant, scope.workspace + "4"),
        Workspace(scope.tenant + scope.workspace[:1], scope.workspace[1:]),
    ]
    return [
        *(Identity(Layer(other, identity.layer.target), identity.name) for other in scopes),
        *(Identity(Layer(scope, target), identity.name) for target in TARGETS if target != identity.layer.target),
        replace(identity, name=identity.name + "_"),
        replace(identity, name=identity.name[:-1]),
    ]


ids = st.from_regex(ID_PATTERN, fullmatch=True)
scopes = st.one_of(st.builds(Tenant, ids), st.builds(Workspace, ids, ids), st.builds(Project, ids, ids))
identities = st.builds(
    Identity,
    st.builds(Layer, scopes, st.sampled_from(TARGETS)),
    st.from_regex(NAME_PATTERN, fullmatch=True).filter(lambda name: len(name) <= 128),
)
values = st.builds(Plaintext, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300))
words = st.text(st.characters(codec="utf-8"), max_size=40)
bounds = st.builds(Bound, identities, uid=words, enabled=st.booleans(), created=words, origin=words)
