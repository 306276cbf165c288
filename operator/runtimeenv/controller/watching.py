"""The reflectors, and what each change that they tell of means (architecture §2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from runtimeenv.cluster.kinds import (
    NAMESPACES,
    POD_METADATA,
    RUNTIME_ENV_VAR_METADATA,
    RUNTIME_ENV_VARS,
    RUNTIME_ENVS,
    SECRET_METADATA,
    SECRETS,
)
from runtimeenv.cluster.objects import (
    AnnotatedMetadata,
    Metadata,
    RuntimeEnvObject,
    Secret,
    identified,
    owned,
    without_content,
)
from runtimeenv.cluster.protocol import Cluster, Query, pages
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.controller.census import Entry
from runtimeenv.controller.metrics import queues
from runtimeenv.controller.on_demand import OnDemand
from runtimeenv.controller.pods import asking, labelled
from runtimeenv.controller.records import read_record, recorded_uid
from runtimeenv.controller.stages import Stages, Views
from runtimeenv.core import names
from runtimeenv.core.identity import Ref, Shape
from runtimeenv.core.tenancy import Enrolment, enrolment
from runtimeenv.serving.metrics import Measure, watches
from runtimeenv.settings import Settings


class Watching:
    """Everything that is known of the cluster, and the stages that it feeds."""

    def __init__(self, cluster: Cluster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._cluster = cluster

        def reflect(kind: Any, query: Query, put: Any, remove: Any, **how: Any) -> Reflector[Any]:
            return Reflector(cluster, kind, query, put, remove, **how)

        self._environments: Reflector[RuntimeEnvObject] = reflect(
            RUNTIME_ENVS, Query(), self._environment_put, self._environment_removed
        )
        self._env_secrets: Reflector[Metadata] = reflect(
            SECRET_METADATA, Query(fields=f"type={names.ENV_TYPE}"), self._env_secret_put, self._env_secret_removed,
            keep=owned,
        )  # fmt: skip
        self._sources: Reflector[Metadata] = reflect(
            SECRET_METADATA, Query(labels=f"{names.SOURCE_LABEL}=true"), self._source_put, self._source_removed,
            keep=identified,
        )  # fmt: skip
        self._variables: Reflector[Metadata] = reflect(
            RUNTIME_ENV_VAR_METADATA, Query(), self._variable_put, self._variable_removed, keep=identified
        )
        encrypted = Query(fields=f"type={names.ENCRYPTED_TYPE}")
        self._encrypted: Reflector[Secret] = reflect(
            SECRETS, encrypted, self._record_put, self._record_removed, keep=without_content
        )
        domain = settings.pod_domain
        self._pods: Reflector[AnnotatedMetadata] = reflect(
            POD_METADATA, labelled(domain), self._pod_put, self._pod_removed, keep=partial(asking, domain=domain)
        )
        self._all: Mapping[str, Reflector[Any]] = {
            "namespaces": reflect(NAMESPACES, Query(), self._namespace_put, self._namespace_removed, keep=identified),
            "variables": self._variables,
            "encrypted_secrets": self._encrypted,
            "environment_secrets": self._env_secrets,
            "source_secrets": self._sources,
            "environments": self._environments,
            "pods": self._pods,
        }
        self.stages = Stages(cluster, settings, self._views(), now)
        self.on_demand = OnDemand(cluster, self.stages, self._environments.objects, self._pods.objects, settings)

    def _views(self) -> Views:
        """The mirrors, as far as the stages look things up in them."""
        return Views(
            self._environments.objects,
            self._env_secrets.objects,
            self._sources.objects,
            self._encrypted.objects,
            lambda: int(self._variables.version or 0),
        )

    async def run(self) -> None:
        """Reflect until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._all.values():
                group.create_task(reflector.run())

    def measures(self) -> Iterator[Measure]:
        """For the metrics: the mirrors, and the work on what they show."""
        yield watches(self._all)
        yield from self.stages.measures()
        yield queues({**self.stages.queues, **self.on_demand.queues})

    async def synced(self) -> None:
        """Wait until every reflector is complete."""
        for reflector in self._all.values():
            await reflector.synced.wait()

    async def in_use(self) -> bool:
        """Do sealed texts or envelopes exist, so that no keyring may be made? A variable that reads a Secret has none.

        Asked only while there is no keyring: the reflectors know no specs.
        """
        if self._encrypted.objects:
            return True
        if not self._variables.objects:
            return False
        async for page in pages(self._cluster, RUNTIME_ENV_VARS, Query()):
            if any("sealedValue" in found.spec for found in page.items):
                return True
        return False

    def start(self) -> None:
        """After `Stages.start`: look at every RuntimeEnv, at Secrets that have none, and at every pod."""
        for ref in self._environments.objects.keys() | self._env_secrets.objects.keys():
            self.stages.offer_environment(ref)
        self.on_demand.start()

    def _namespace_put(self, new: AnnotatedMetadata, _old: AnnotatedMetadata | None) -> None:
        meta = new.metadata
        self._enrol(meta.name, meta.uid, enrolment(meta.labels, meta.annotations))

    def _namespace_removed(self, last: AnnotatedMetadata) -> None:
        self._enrol(last.metadata.name, "", None)

    def _enrol(self, namespace: str, uid: str, after: Enrolment | None) -> None:
        before = self.stages.index.enrolment(namespace)
        self.stages.affect(self.stages.index.enrol(namespace, uid, after))
        if before != after:
            self.stages.moved(namespace, before, after)
            self.on_demand.enrolled(namespace)

    def _variable_put(self, new: Metadata, _old: Metadata | None) -> None:
        meta = new.metadata
        if self.stages.census.put(meta.ref, Entry(meta.uid, meta.generation)):
            self.stages.affect(self.stages.index.refile(meta.uid))

    def _variable_removed(self, last: Metadata) -> None:
        meta = last.metadata
        self.stages.census.remove(meta.ref, meta.uid)
        self.stages.dependents.read(meta.ref, None)
        self.stages.affect(self.stages.index.refile(meta.uid))
        self.stages.clean(meta.ref, meta.uid)

    def _record_put(self, new: Secret, _old: Secret | None) -> None:
        record = read_record(new)
        if record is None:
            self._garbage(new)
            return
        index = self.stages.index
        known = index.record(record.uid)
        if known is not None and known.ref.namespace != record.ref.namespace:
            if self.stages.census.exists(known.ref, known.uid):
                self.stages.clean_up(new.metadata.ref)  # a copy, in a namespace where its variable is not
                return
            self.stages.affect(index.remove(known.uid))
            known = None
        if known is None or record.version > known.version:
            self.stages.affect(index.put(record, foreign=self.stages.started))
            self.stages.offer_variable(record.ref)

    def _garbage(self, secret: Secret) -> None:
        """Of our type, but not of our form: stage 1 writes it anew, if its variable exists."""
        for owner in secret.metadata.owner_references:
            self.stages.offer_variable(Ref(secret.metadata.namespace, owner.name))
        if (uid := self._recorded_in(secret)) is not None:
            self.stages.affect(self.stages.index.overwritten(uid, secret.metadata.version))
        else:
            self.stages.clean_up(secret.metadata.ref)

    def _record_removed(self, last: Secret) -> None:
        if (uid := self._recorded_in(last)) is not None:
            self.stages.affect(self.stages.index.vanished(uid))

    def _recorded_in(self, secret: Secret) -> str | None:
        """The variable whose record this Secret holds, or should hold; None where it is in the wrong namespace."""
        uid = recorded_uid(secret.metadata.ref)
        known = self.stages.index.record(uid)
        return uid if known is not None and known.ref.namespace == secret.metadata.namespace else None

    def _env_secret_put(self, new: Metadata, _old: Metadata | None) -> None:
        if not self.stages.secrets.is_echo(new):
            self.stages.offer_environment(new.metadata.ref)

    def _env_secret_removed(self, last: Metadata) -> None:
        self.stages.secrets.vanished(last.metadata.ref)
        self.stages.offer_environment(last.metadata.ref)

    def _source_put(self, new: Metadata, _old: Metadata | None) -> None:
        self._source_removed(new)

    def _source_removed(self, last: Metadata) -> None:
        for ref in self.stages.dependents.readers(last.metadata.ref):
            self.stages.offer_variable(ref)

    def _environment_put(self, new: RuntimeEnvObject, old: RuntimeEnvObject | None) -> None:
        spec, meta = new.spec, new.metadata
        # An unknown target is refused by stage 2: until then the shape only has to be told from others.
        shape = Shape(spec.target, spec.workspace_id, spec.project_id)  # type: ignore[arg-type]
        self.stages.index.put_environment(meta.ref, meta.uid, shape)
        if old is None or old.metadata.generation != meta.generation:
            self.stages.offer_environment(meta.ref)
        self.on_demand.came(meta.ref)

    def _environment_removed(self, last: RuntimeEnvObject) -> None:
        self.stages.index.remove_environment(last.metadata.ref)
        self.stages.forget(last.metadata.uid)
        self.stages.offer_environment(last.metadata.ref)
        self.on_demand.gone(last.metadata.ref)

    def _pod_put(self, new: AnnotatedMetadata, _old: AnnotatedMetadata | None) -> None:
        self.on_demand.put(new)

    def _pod_removed(self, last: AnnotatedMetadata) -> None:
        self.on_demand.remove(last)
