"""Namespaces: whose they are, and which one is a tenant's home (design §4, §8)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from runtimeenv.cluster.objects import AnnotatedMeta
from runtimeenv.core import names
from runtimeenv.core.tenancy import Enrolment, enrolment
from runtimeenv.errors import NoHome, Unavailable

_MEND: Final = f'an administrator labels one namespace of the whole tenant {names.HOME_LABEL}: "true"'


@dataclass(frozen=True, slots=True)
class _Place:
    enrolment: Enrolment
    home: bool
    terminating: bool


class Places:
    """The enrolled namespaces, as a watch tells them."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._tenants: defaultdict[str, set[str]] = defaultdict(set)

    def put(self, meta: AnnotatedMeta) -> None:
        """A namespace appeared or changed."""
        self.remove(meta.name)
        found = enrolment(meta.labels, meta.annotations)
        if found is None:
            return
        whole = found.workspace is None and found.project is None
        home = whole and meta.labels.get(names.HOME_LABEL) == "true"
        self._places[meta.name] = _Place(found, home, meta.deletion_timestamp is not None)
        self._tenants[found.tenant].add(meta.name)

    def remove(self, namespace: str) -> None:
        """A namespace is gone."""
        if (last := self._places.pop(namespace, None)) is not None:
            tenant = last.enrolment.tenant
            self._tenants[tenant].discard(namespace)
            if not self._tenants[tenant]:
                del self._tenants[tenant]

    def enrolment(self, namespace: str) -> Enrolment | None:
        """What a namespace is enrolled as; None where it is not, or is unknown."""
        place = self._places.get(namespace)
        return place.enrolment if place is not None else None

    def knows_tenant(self, tenant: str) -> bool:
        """Is any namespace enrolled under this tenant?"""
        return tenant in self._tenants

    def home(self, tenant: str) -> str:
        """The one namespace to write in. Raises NoHome, and Unavailable while it is being deleted."""
        homes = sorted(name for name in self._tenants.get(tenant, ()) if self._places[name].home)
        alive = [name for name in homes if not self._places[name].terminating]
        if len(alive) == 1:
            return alive[0]
        if alive:
            raise NoHome(f"the tenant has {len(alive)} home namespaces: {_MEND}, and no other")
        if homes:
            raise Unavailable(0, f"write in {homes[0]}, which is being deleted")
        raise NoHome(f"the tenant has no home namespace: {_MEND}")
