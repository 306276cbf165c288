"""A pod as the API server sends it, in the fields that injection reads. An absent list comes as null from Go."""

from __future__ import annotations

from msgspec import Raw, Struct

from runtimeenv.core.names import INJECTED_ANNOTATION


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


class PodMeta(Struct):
    """``metadata``."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Pod(Struct):
    """The fields of a pod that injection reads; Go writes an absent list as null."""

    metadata: PodMeta
    spec: PodSpec

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, if any."""
        return self.metadata.labels or {}

    @property
    def injected(self) -> str:
        """The Secret that its annotation names, or "". On CREATE that is hearsay: it may have been copied."""
        return (self.metadata.annotations or {}).get(INJECTED_ANNOTATION, "")

    @property
    def windows(self) -> bool:
        """Does it declare Windows, where ``Path`` and ``PATH`` are one variable?"""
        return self.spec.os is not None and self.spec.os.name == "windows"
