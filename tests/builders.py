"""Manifests as users write them; every argument after the name is optional."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from runtimeenv.core import names

Manifest = dict[str, Any]


def namespace(
    name: str, tenant: str = "", workspace: str = "", project: str = "", *, projects: str = "", home: str = ""
) -> Manifest:
    """A Namespace, enrolled where a tenant is given."""
    labels = {
        names.TENANT_LABEL: tenant,
        names.WORKSPACE_LABEL: workspace,
        names.PROJECT_LABEL: project,
        names.HOME_LABEL: home,
    }
    metadata: Manifest = {"name": name, "labels": {label: value for label, value in labels.items() if value}}
    if projects:
        metadata["annotations"] = {names.PROJECTS_ANNOTATION: projects}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def variable(ref: str, name: str = "TOKEN", sealed: str = "", **spec: Any) -> Manifest:
    """A RuntimeEnvVar, ``ref`` being ``namespace/name``; tenant scope unless ``spec`` says otherwise.

    ``spec`` takes the API's own field names: ``variable("acme/x", "X", scope="project", projectId="blog")``.
    """
    source = {"sealedValue": sealed} if sealed else {}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "RuntimeEnvVar",
        "metadata": _metadata(ref),
        "spec": {"scope": "tenant", "name": name, **source, **spec},
    }


def runtime_env(ref: str, target: str = "sandbox", **spec: Any) -> Manifest:
    """A RuntimeEnv; ``spec`` takes ``workspaceId`` and ``projectId``."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "RuntimeEnv",
        "metadata": _metadata(ref),
        "spec": {"target": target, **spec},
    }


def source_secret(ref: str, values: Mapping[str, str | bytes], *, consent: bool = True) -> Manifest:
    """A Secret that variables may read, with its owner's consent label."""
    metadata = _metadata(ref)
    if consent:
        metadata["labels"] = {names.SOURCE_LABEL: "true"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(values)}


def pod(ref: str, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None) -> Manifest:
    """A Pod with one container."""
    metadata = {**_metadata(ref), "labels": dict(labels or {}), "annotations": dict(annotations or {})}
    containers = [{"name": "main", "image": "busybox:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def encoded(values: Mapping[str, str | bytes]) -> dict[str, str]:
    """A Secret's ``data``."""
    raw = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
    return {key: base64.b64encode(value).decode() for key, value in raw.items()}


def _metadata(ref: str) -> Manifest:
    inside, _, name = ref.rpartition("/")
    return {"namespace": inside, "name": name}
