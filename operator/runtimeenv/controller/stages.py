"""The two stages and their queues, joined: whatever changes is offered to whom it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from runtimeenv.cluster.objects import Metadata, RuntimeEnvObject, Secret
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.census import Census, Entry
from runtimeenv.controller.dependents import Dependents
from runtimeenv.controller.encrypted_secrets import EncryptedSecrets
from runtimeenv.controller.env_secrets import EnvSecrets
from runtimeenv.controller.environments import Environments
from runtimeenv.controller.events import Events
from runtimeenv.controller.index import Affected, Index
from runtimeenv.controller.limiter import Limiter
from runtimeenv.controller.metrics import by_reason
from runtimeenv.controller.presence import Presence
from runtimeenv.controller.queue import Queue
from runtimeenv.controller.records import recorded_uid
from runtimeenv.controller.shared import Shared
from runtimeenv.controller.sources import Sources
from runtimeenv.controller.variables import Variables
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.core.resources import RuntimeEnvVar
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.errors import KeyUnavailable
from runtimeenv.serving.metrics import Measure
from runtimeenv.settings import Settings

WRITES_PER_SECOND: Final = 100.0
REST: Final = 0.8
"""Seconds between two writes of one RuntimeEnv, so that a burst of variables is written once."""


@dataclass(frozen=True, slots=True)
class Views:
    """What the reflectors know: RuntimeEnvs, their Secrets, sources, encrypted Secrets; how far the census is."""

    environments: Mapping[Ref, RuntimeEnvObject]
    secrets: Mapping[Ref, Metadata]
    sources: Mapping[Ref, Metadata]
    encrypted: Mapping[Ref, Secret]
    census_version: Callable[[], int]


class Stages:
    """Index, census and both stages. Until `start`, what is offered is dropped: a start offers everything."""

    def __init__(self, cluster: Cluster, settings: Settings, views: Views, now: Callable[[], datetime]) -> None:
        self.census = Census(self._settled, views.census_version)
        self.index = Index(self.census)
        self.dependents = Dependents()
        self.events = Events(cluster, now)
        self.secrets = EnvSecrets(cluster, views.secrets)
        self.started = False
        self._keyring: Keyring | None = None
        told = (self.offer_variable, self.affect, Presence(cluster))
        shared = Shared(cluster, self.index, self.census, self.dependents, self._opened, now, *told)
        sources = Sources(cluster, views.sources, self.dependents, self._opened)
        self._views = views
        self._encrypted = EncryptedSecrets(cluster, self.index, self.affect, views.encrypted)
        self._stage_1 = Variables(shared, self._encrypted, sources, self.events, self._refresh, settings.allowed_names)
        self._stage_2 = Environments(
            shared, self.secrets, Limiter(WRITES_PER_SECOND), views.environments.get, self._works_for
        )
        self._variables: Queue[Ref, RuntimeEnvVar] = Queue(self._stage_1.reconcile, group=self._tenant)
        self._environments: Queue[Ref, None] = Queue(
            self._stage_2.reconcile, workers=8, interval=REST, group=self._tenant
        )
        self._leftovers: Queue[Ref, None] = Queue(self._clean, workers=4)

    def start(self, keyring: Keyring) -> None:
        """All reflectors are complete: what is behind must be tried first, what has no owner goes."""
        self._keyring = keyring
        self.started = True
        self.index.start()
        for ref, entry in self.census:
            if self.index.enrolment(ref.namespace) is not None:
                self._oblige(ref, entry)
        owned = {(ref.namespace, entry.uid) for ref, entry in self.census}
        for secret in self._views.encrypted:
            if (secret.namespace, recorded_uid(secret)) not in owned:
                self.clean_up(secret)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for queue in (self._variables, self._environments, self._leftovers):
                group.create_task(queue.run())

    def measures(self) -> Iterator[Measure]:
        """For the metrics."""
        yield by_reason("variables", "Variables by the reason of their condition Ready.", self._stage_1.reasons)
        yield by_reason("environments", "RuntimeEnvs by the reason of their condition Ready.", self._stage_2.reasons)

    @property
    def queues(self) -> Mapping[str, Queue[Any, Any]]:
        """For the metrics, too."""
        return {"variables": self._variables, "environments": self._environments, "leftovers": self._leftovers}

    def offer(self, variable: RuntimeEnvVar) -> None:
        """kopf told of a variable."""
        if not self._stage_1.is_echo(variable):
            self._variables.offer(variable.ref, variable)

    def malformed(self, ref: Ref, uid: str) -> None:
        """kopf told of a variable that can't be read: that counts as its one finished run."""
        self.census.tried(ref.namespace, uid)

    def offer_variable(self, ref: Ref) -> None:
        """Something that a variable depends on changed."""
        if self.started:
            self._variables.offer(ref)

    def offer_environment(self, ref: Ref) -> None:
        """A RuntimeEnv, its Secret or what it should hold changed."""
        if self.started:
            self._stage_2.changed(ref)
            self._environments.offer(ref)

    def affect(self, affected: Affected) -> None:
        """Offer all that a change touched."""
        for ref in affected.environments:
            self.offer_environment(ref)
        for ref in affected.variables:
            self.offer_variable(ref)

    def moved(self, namespace: str, before: Enrolment | None, after: Enrolment | None) -> None:
        """A namespace changed its enrolment: all that is in it looks again, and nobody waits for it any more."""
        if not self.started:
            return
        if before is not None:
            self._offer_tenant(before.tenant)
        for ref, entry in self.census.of_namespace(namespace):
            if after is not None:
                self._oblige(ref, entry)
            self.offer_variable(ref)

    def clean(self, ref: Ref, uid: str) -> None:
        """A variable is gone: its encrypted Secret goes too."""
        self._stage_1.forget(ref)
        self.clean_up(Ref(ref.namespace, names.encrypted_secret_name(uid)))

    def clean_up(self, secret: Ref) -> None:
        """An encrypted Secret belongs to no variable: it goes."""
        if self.started:
            self._leftovers.offer(secret)

    def forget(self, uid: str) -> None:
        """A RuntimeEnv is gone."""
        self._stage_2.forget(uid)

    def _tenant(self, ref: Ref) -> str:
        """Variables of one tenant are encrypted together, so that its RuntimeEnvs are written few times.

        And no tenant waits until another's thousand RuntimeEnvs are written.
        """
        enrolment = self.index.enrolment(ref.namespace)
        return enrolment.tenant if enrolment is not None else ""

    def _works_for(self, environment: Ref) -> bool:
        return self._variables.works_on(self._tenant(environment))

    async def _clean(self, ref: Ref, _item: None) -> None:
        await self._encrypted.remove(ref)

    def _settled(self, namespace: str) -> None:
        enrolment = self.index.enrolment(namespace)
        if enrolment is not None:
            self._offer_tenant(enrolment.tenant)

    def _offer_tenant(self, tenant: str) -> None:
        for namespace in self.index.namespaces(tenant):
            for ref in self.index.environments(namespace):
                self.offer_environment(ref)

    def _oblige(self, ref: Ref, entry: Entry) -> None:
        """Hold the tenant back until this variable was tried, unless its record is up to date."""
        record = self.index.record(entry.uid)
        if record is None or (record.ref, record.origin.generation) != (ref, entry.generation):
            self.census.oblige(ref)

    def _refresh(self, ref: Ref, variable: RuntimeEnvVar) -> None:
        self._variables.refresh(ref, variable)

    def _opened(self) -> Keyring:
        if self._keyring is None:
            raise KeyUnavailable("the keyring is not open yet")
        return self._keyring
