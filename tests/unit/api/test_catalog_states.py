"""Whatever the watches tell, in whatever order: the catalog is what a computation from scratch makes of what exists."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import CLAIMANTS, Claimant
from runtimeenv.api.pages import position
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.core import names
from runtimeenv.core.tenancy import enrolment
from runtimeenv.errors import Invalid, NoHome, NotFound, Unavailable
from tests.builders import Manifest, namespace, variable
from tests.unit.api.replicas import bearer, terminating

TENANTS = ("acme", "globex")
SPACES = ("n1", "n2", "n3")

spaces = st.builds(
    lambda name, tenant, narrow, home, going: _space(name, tenant, narrow, home=home, going=going),
    st.sampled_from(SPACES),
    st.sampled_from((*TENANTS, "", "out of form")),
    st.sampled_from(({}, {}, {"workspace": "w"}, {"project": "p"})),
    st.booleans(),
    st.booleans(),
)
variables = st.builds(
    lambda space, name, fields, created, noted, going: _variable(
        f"{space}/{name}", fields, created, noted, going=going
    ),
    st.sampled_from(SPACES),
    st.sampled_from("ab"),
    st.fixed_dictionaries(
        {
            "spec": st.sampled_from(
                (
                    {"scope": "tenant"},
                    {"scope": "workspace", "workspaceId": "w"},
                    {"scope": "project", "projectId": "p"},
                    {"scope": "workspace"},
                )
            ),
            "name": st.sampled_from(("X", "Y", "PATH", "lower")),
            "target": st.sampled_from(("all", "sandbox")),
        }
    ),
    st.integers(0, 3),
    st.sampled_from((*TENANTS, "", "")),
    st.sampled_from((False, False, False, True)),
)
steps = st.lists(
    st.one_of(
        spaces,
        variables,
        variables,
        st.sampled_from([("Namespace", name) for name in SPACES]),
        st.sampled_from([("RuntimeEnvVar", f"{space}/{name}") for space in SPACES for name in "ab"]),
    ),
    max_size=40,
)


def _space(name: str, tenant: str, narrow: dict[str, str], *, home: bool, going: bool) -> Manifest:
    made = namespace(name, tenant, **narrow)
    if home:
        made["metadata"]["labels"][names.HOME_LABEL] = "true"
    return terminating(made) if going else made


def _variable(ref: str, fields: dict[str, Any], created: int, noted: str, *, going: bool) -> Manifest:
    made = variable(ref, fields["name"], target=fields["target"], **fields["spec"])
    made["metadata"]["creationTimestamp"] = f"2026-01-01T00:00:0{created}Z"
    made["status"] = {"tenantId": noted} if noted else {}
    return terminating(made) if going else made


class Told:
    """What exists, told to a catalog as reflectors tell it; ``objects`` are by kind and name."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self.objects: dict[tuple[str, str], Any] = {}
        self._version = 0

    def step(self, step: Manifest | tuple[str, str]) -> None:
        """An object is put, a new one or a new state of the one that exists; or one is removed."""
        if isinstance(step, tuple):
            if (last := self.objects.pop(step, None)) is not None:
                self._remove(last)
        else:
            self._put(step)

    def _put(self, manifest: Manifest) -> None:
        self._version += 1
        meta = manifest["metadata"]
        key = (manifest["kind"], "/".join(filter(None, (meta.get("namespace"), meta["name"]))))
        old = self.objects.get(key)
        if old is not None and not _same(old, manifest):
            self._remove(old)
            old = None
        uid = old.metadata.uid if old is not None else f"uid {self._version}"
        stored = {**manifest, "metadata": {**meta, "uid": uid, "resourceVersion": str(self._version)}}
        if key[0] == "Namespace":
            space = NAMESPACES.decode(msgspec.json.encode(stored))
            self.objects[key] = space
            self.catalog.put_namespace(space, old)
        else:
            found = CLAIMANTS.decode(msgspec.json.encode(stored))
            self.objects[key] = found
            self.catalog.put_variable(found, old)

    def _remove(self, last: Any) -> None:
        if isinstance(last, AnnotatedMetadata):
            self.catalog.remove_namespace(last)
        else:
            self.catalog.remove_variable(last)


def _same(old: Any, manifest: Manifest) -> bool:
    """The spec and the creation time stay here: other ones are another object's. Namespaces may change."""
    if isinstance(old, AnnotatedMetadata):
        return True
    new = CLAIMANTS.decode(msgspec.json.encode(manifest))
    return (old.spec, old.metadata.creation_timestamp) == (new.spec, new.metadata.creation_timestamp)


def from_scratch(told: Told, tenant: str) -> dict[str, Claimant]:
    """The variables that a tenant sees, by id."""
    claims: dict[str, list[tuple[Any, Claimant]]] = {}
    for (kind, _), found in told.objects.items():
        if kind != "RuntimeEnvVar":
            continue
        place = told.objects.get(("Namespace", found.metadata.namespace))
        enrolled = enrolment(place.metadata.labels, place.metadata.annotations) if place is not None else None
        noted = found.status.tenant_id
        if enrolled is None or enrolled.tenant != tenant or noted not in ("", tenant) or found.spec.name == "PATH":
            continue
        try:
            identity = found.identity(tenant)
        except Invalid:
            continue
        if enrolled.admits(identity.layer.scope):
            claims.setdefault(identity.id, []).append(((found.metadata.creation_timestamp, found.metadata.ref), found))
    winners = {id_: min(claimants, key=lambda c: c[0])[1] for id_, claimants in claims.items()}
    return {id_: w for id_, w in winners.items() if w.metadata.deletion_timestamp is None}


def homes(told: Told, tenant: str, *, going: bool) -> list[str]:
    """The tenant's home namespaces."""
    found = [o.metadata for (kind, _), o in told.objects.items() if kind == "Namespace"]
    return [
        m.name
        for m in found
        if m.labels.get(names.HOME_LABEL) == "true"
        and m.labels.get(names.TENANT_LABEL) == tenant
        and not {names.WORKSPACE_LABEL, names.PROJECT_LABEL} & m.labels.keys()
        and (m.deletion_timestamp is not None) == going
    ]


def check(told: Told) -> None:
    """The catalog says just what exists, and to each tenant only its own."""
    for tenant in TENANTS:
        expected = from_scratch(told, tenant)
        shown = told.catalog.select(bearer(tenant))
        assert {e.id: e.found for e in shown} == expected
        assert [position(e.identity) for e in shown] == sorted(position(e.identity) for e in shown)
        assert all(e.identity.tenant == tenant for e in shown)
        for id_ in expected:
            assert told.catalog.find(bearer(tenant), id_).found is expected[id_]
            with pytest.raises(NotFound):
                told.catalog.find(bearer(next(t for t in TENANTS if t != tenant)), id_)
        assert told.catalog.knows_tenant(tenant) == any(
            kind == "Namespace" and o.metadata.labels.get(names.TENANT_LABEL) == tenant
            for (kind, _), o in told.objects.items()
        )
        check_home(told, tenant)


def check_home(told: Told, tenant: str) -> None:
    alive = homes(told, tenant, going=False)
    if len(alive) == 1:
        assert told.catalog.home(tenant) == alive[0]
        return
    with pytest.raises(Unavailable if homes(told, tenant, going=True) and not alive else NoHome):
        told.catalog.home(tenant)


@given(steps)
@settings(max_examples=300, deadline=None)
def test_after_every_change_the_catalog_is_what_exists(taken: list[Manifest | tuple[str, str]]) -> None:
    told = Told()
    for step in taken:
        told.step(step)
        check(told)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_once_nothing_exists_nothing_is_kept(taken: list[Manifest | tuple[str, str]]) -> None:
    told = Told()
    for step in taken:
        told.step(step)
    for key in list(told.objects):
        told.step(key)
    catalog, places = told.catalog, told.catalog._places
    assert (catalog._entries, catalog._found, catalog._shelves, catalog._hidden) == ({}, {}, {}, set())
    assert (places._places, places._tenants, catalog._claims._layers) == ({}, {}, {})
