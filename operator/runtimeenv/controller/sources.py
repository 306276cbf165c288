"""Reads a variable's value: unseals it, or gets its source Secret (design §3, §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.cluster.objects import Metadata, Secret
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.dependents import Dependents
from runtimeenv.controller.records import Origin
from runtimeenv.core import names
from runtimeenv.core.conditions import Reason
from runtimeenv.core.identity import Identity, Ref
from runtimeenv.core.resources import RuntimeEnvVar, SecretKeyRef
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import SealedValue
from runtimeenv.crypto.unseal import unseal
from runtimeenv.errors import CannotOpen, Invalid, KeyUnavailable

# Their content is another's credential by nature, or ours (design §3).
REFUSED_TYPES: Final = frozenset(
    {"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"}
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, and where it was read."""

    value: Plaintext
    origin: Origin


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why there is no value. ``withdrawn``: the source's owner took back consent, so the last good value goes too."""

    reason: Reason
    message: str
    withdrawn: bool = False


class Sources:
    """The two doors by which a value comes in. ``labelled``: metadata of the Secrets that consent, watch-fed."""

    def __init__(
        self,
        cluster: Cluster,
        labelled: Mapping[Ref, Metadata],
        dependents: Dependents,
        keyring: Callable[[], Keyring],
    ) -> None:
        self._cluster = cluster
        self._labelled = labelled
        self._dependents = dependents
        self._keyring = keyring

    def origin(self, variable: RuntimeEnvVar) -> Origin | None:
        """Where the value would be read now, as far as that is known without asking the API server."""
        reference = variable.spec.value_from
        if reference is None:
            return Origin(variable.metadata.generation)
        secret = self._labelled.get(Ref(variable.metadata.namespace, reference.secret_key_ref.name))
        return _origin(variable, secret) if secret is not None else None

    def note(self, variable: RuntimeEnvVar) -> None:
        """Follow the variable's source, so that a change of it is noticed."""
        reference = variable.spec.value_from
        source = Ref(variable.metadata.namespace, reference.secret_key_ref.name) if reference else None
        self._dependents.read(variable.ref, source)

    async def read(self, variable: RuntimeEnvVar, identity: Identity) -> Reading | Unreadable:
        """Read the value; the API server's failures are raised."""
        try:
            source = variable.spec.source
            if isinstance(source, SecretKeyRef):
                return await self._secret(variable, source)
            value = unseal(SealedValue.parse(source), identity, self._keyring())
            return Reading(value, Origin(variable.metadata.generation))
        except Invalid as error:
            return Unreadable("InvalidValue", str(error))
        except CannotOpen as error:
            return Unreadable("UnsealFailed", f"spec.sealedValue {error}")
        except KeyUnavailable as error:
            return Unreadable("KeyUnavailable", str(error))

    async def _secret(self, variable: RuntimeEnvVar, reference: SecretKeyRef) -> Reading | Unreadable:
        secret = await self._cluster.get(SECRETS, Ref(variable.metadata.namespace, reference.name))
        field = "spec.valueFrom.secretKeyRef"
        if secret is None:
            return Unreadable("SourceMissing", f"{field}.name: there is no such Secret in this namespace: create it")
        if secret.metadata.labels.get(names.SOURCE_LABEL) != "true":
            consent = f'the Secret lacks its owner\'s consent: label it {names.SOURCE_LABEL}="true"'
            return Unreadable("SourceMissing", f"{field}.name: {consent}", withdrawn=True)
        if secret.type in REFUSED_TYPES or secret.type.startswith(f"{names.GROUP}/"):
            message = f"{field}.name: Secrets of this type are never read: copy the value into an Opaque Secret"
            return Unreadable("InvalidValue", message, withdrawn=True)
        if reference.key not in secret.data:
            return Unreadable("SourceMissing", f"{field}.key: the Secret has no such key: add it, or name another")
        return Reading(Plaintext.from_bytes(secret.data[reference.key], f"{field}.key"), _origin(variable, secret))


def _origin(variable: RuntimeEnvVar, secret: Metadata | Secret) -> Origin:
    return Origin(variable.metadata.generation, f"{secret.metadata.uid}/{secret.metadata.resource_version}")
