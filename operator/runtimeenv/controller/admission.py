"""Tenancy and names, checked again: the controller trusts no admission result (design §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from runtimeenv.cluster.objects import RuntimeEnvObject, RuntimeEnvVarObject
from runtimeenv.controller.statuses import Outcome
from runtimeenv.core import names
from runtimeenv.core.admission import admit
from runtimeenv.core.identity import Identity
from runtimeenv.core.model import ObjectMeta
from runtimeenv.core.resources import RuntimeEnvVar
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.errors import Denied, Invalid

NOT_ENROLLED = f"the namespace belongs to no tenant: have an administrator label it {names.TENANT_LABEL}"
_FIELDS: Final = {"target": "spec.target", "workspace": "spec.workspaceId", "project": "spec.projectId"}


def admitted(variable: RuntimeEnvVar, enrolment: Enrolment | None, allowed_names: frozenset[str]) -> Identity | Outcome:
    """The identity that a variable may claim from its namespace, or why it may claim none."""
    if enrolment is None:
        return Outcome("NotEnrolled", NOT_ENROLLED)
    noted = variable.status.tenant_id if variable.status is not None else None
    try:
        return admit(variable.identity, noted, enrolment, allowed_names)
    except Denied as error:
        return Outcome("TenantMismatch", str(error))
    except Invalid as error:
        return Outcome("InvalidValue", str(error))


def refused(found: RuntimeEnvObject, enrolment: Enrolment | None) -> Outcome | None:
    """Why a RuntimeEnv may hold nothing, whatever admission let through; None where it may."""
    if enrolment is None:
        return Outcome("NotEnrolled", NOT_ENROLLED)
    spec = found.spec
    try:
        shape = enrolment.choose(spec.target, spec.workspace_id, spec.project_id, _FIELDS.__getitem__)
        if (spec.workspace_id, spec.project_id) != (shape.workspace, shape.project):
            raise Invalid("spec", "must name the workspace and project that the namespace fixes")
        if (name := names.secret_name(shape)) != found.metadata.name:
            raise Invalid("metadata.name", f"must be {name} for this spec: make it anew under that name")
    except Denied as error:
        return Outcome("TenantMismatch", str(error))
    except Invalid as error:
        return Outcome("InvalidValue", str(error))
    return None


def read_variable(found: RuntimeEnvVarObject) -> RuntimeEnvVar:
    """An object of the API as its model; raises Invalid."""
    metadata = msgspec.structs.asdict(found.metadata)
    ours = {name: metadata[name] for name in ObjectMeta.model_fields if name in metadata}
    return read_manifest({"metadata": ours, "spec": found.spec, "status": dict(found.status) or None})


def read_manifest(manifest: Mapping[str, Any]) -> RuntimeEnvVar:
    """The same of JSON. Its notes are left out: nobody uses them, and those of all that wait may be large."""
    spec = manifest.get("spec")
    if isinstance(spec, Mapping):
        spec = {name: found for name, found in spec.items() if name != "metadata"}
    return RuntimeEnvVar.read({**manifest, "spec": spec})
