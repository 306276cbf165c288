"""A pod as the API server sends it, in the fields that injection reads. An absent list comes as null from Go."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast

from msgspec import Raw, Struct, defstruct

from runtimeenv.core.names import DEFAULT_POD_DOMAIN, INJECTED_ANNOTATION

OBJECTS_LIMIT: Final = 1 << 17
"""Objects in a review of a pod, told by braces, those in texts too: a pod of 1,000 containers has some 30,000."""


class SecretRef(Struct):
    """``envFrom[].secretRef``."""

    name: str = ""
    optional: bool | None = None


class EnvSource(Struct, rename="camel"):
    """``envFrom[]``, as far as it concerns Secrets."""

    prefix: str | None = None
    secret_ref: SecretRef | None = None


class Container(Struct, rename="camel"):
    """A container of any kind. ``env`` stays as it came: only run-env reads it."""

    name: str = ""
    env_from: list[EnvSource] | None = None
    env: Raw = Raw(b"null")


class Os(Struct):
    """``spec.os``."""

    name: str = ""


class PodSpec(Struct, rename="camel"):
    """``spec``. Sidecars are init containers (``restartPolicy: Always``)."""

    init_containers: list[Container] | None = None
    containers: list[Container] | None = None
    ephemeral_containers: list[Container] | None = None
    os: Os | None = None


def _named(domain: str, word: str) -> str:
    return INJECTED_ANNOTATION if word == "injected" else f"{domain}/{word.replace('_', '-')}"


class Labels(Struct, rename=partial(_named, DEFAULT_POD_DOMAIN)):
    """``metadata.labels`` that choose an environment: of the others there may be a million."""

    target: str | None = None
    workspace: str | None = None
    project: str | None = None
    inject: str | None = None


class Annotations(Struct, rename=partial(_named, DEFAULT_POD_DOMAIN)):
    """``metadata.annotations`` that injection reads."""

    injected: str | None = None
    containers: str | None = None
    run_env: str | None = None


class PodMeta(Struct):
    """``metadata``."""

    labels: Labels | None = None
    annotations: Annotations | None = None


class Pod(Struct):
    """The fields of a pod that injection reads; Go writes an absent list as null. See `pods_of` for other domains."""

    metadata: PodMeta
    spec: PodSpec

    @property
    def injected(self) -> str:
        """The Secret that its annotation names, or "". On CREATE that is hearsay: it may have been copied."""
        return (self.metadata.annotations and self.metadata.annotations.injected) or ""

    @property
    def windows(self) -> bool:
        """Does it declare Windows, where ``Path`` and ``PATH`` are one variable?"""
        return self.spec.os is not None and self.spec.os.name == "windows"


def pods_of(domain: str) -> type[Pod]:
    """The pods whose labels and annotations are of this domain."""
    labels, annotations = _of(domain, Labels), _of(domain, Annotations)
    fields = (("labels", labels | None, None), ("annotations", annotations | None, None))
    meta = defstruct("PodMeta", fields, bases=(PodMeta,))
    return cast(type[Pod], defstruct("Pod", (("metadata", meta), ("spec", PodSpec)), bases=(Pod,)))


def _of(domain: str, kind: type[Struct]) -> Any:
    fields = [(name, str | None, None) for name in kind.__struct_fields__]
    return defstruct(kind.__name__, fields, bases=(kind,), rename=partial(_named, domain))
