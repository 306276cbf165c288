"""What an object may claim from its namespace, whatever the API server let through (design §3, §4). Pure."""

from __future__ import annotations

from collections.abc import Callable

from runtimeenv.core.identity import Identity
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.core.values import check_reserved
from runtimeenv.errors import Denied


def admit(
    identity_in: Callable[[str], Identity], noted: str | None, enrolment: Enrolment, allowed_names: frozenset[str]
) -> Identity:
    """The identity that a variable may claim from a namespace of this enrolment.

    ``identity_in`` reads it in a tenant, ``noted`` is the tenant that its status names. Raises Denied where tenancy
    refuses, and Invalid where the object is out of form or its NAME is reserved.
    """
    if noted and noted != enrolment.tenant:
        now = f"the namespace is tenant {enrolment.tenant}'s: delete it and apply it again"
        raise Denied(f"made under tenant {noted}, but {now}")
    identity = identity_in(enrolment.tenant)
    check_reserved("spec.name", identity.name, allowed_names)
    if not enrolment.admits(identity.layer.scope):
        raise Denied(f"spec.scope: this namespace defines {enrolment.defines} only")
    return identity
