"""The controller without kopf, over a FakeCluster and in virtual time; and what users, and foul play, do to it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import kopf
import msgspec

from runtimeenv.cluster.kinds import (
    EVENTS,
    RUNTIME_ENV_VARS,
    RUNTIME_ENVS,
    SECRETS,
    Kind,
    ref_of,
)
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.controller.handlers import notice
from runtimeenv.controller.watching import Watching
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.core.resources import RuntimeEnvVar
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import seal
from runtimeenv.errors import ClusterError
from runtimeenv.settings import Settings
from tests.builders import Manifest, variable
from tests.fakes.cluster import FakeCluster
from tests.unit.crypto.examples import KEYRING

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(ref: str) -> Ref:
    """``namespace/name``."""
    inside, _, name = ref.rpartition("/")
    return Ref(inside, name)


def sealed(ref: str, value: str, name: str = "TOKEN", *, tenant: str = "acme", **spec: Any) -> Manifest:
    """A variable as it is stored: sealed for its own identity."""
    manifest = variable(ref, name, "renv1.", **spec)
    stored = {"metadata": {**manifest["metadata"], "uid": ""}, "spec": manifest["spec"]}
    identity = RuntimeEnvVar.read(stored).identity(tenant)
    manifest["spec"]["sealedValue"] = str(seal(Plaintext(value), identity, KEYRING.sealing_key()))
    return manifest


def from_secret(ref: str, secret: str, key: str = "key", name: str = "TOKEN", **spec: Any) -> Manifest:
    """A variable that reads a Secret."""
    return variable(ref, name, valueFrom={"secretKeyRef": {"name": secret, "key": key}}, **spec)


def now() -> datetime:
    """The wall clock of the virtual time."""
    return NOON + timedelta(seconds=asyncio.get_running_loop().time())


class Replica:
    """One running controller: its views, its stages, and in kopf's place a reflector that offers whole variables."""

    def __init__(self, cluster: FakeCluster, settings: Settings, keyring: Keyring) -> None:
        self._keyring = keyring
        self.lag = 0.0
        """Seconds that kopf takes to tell: it waits for further changes of an object."""
        self.watching = Watching(cluster, settings, now)
        self.stages = self.watching.stages
        self._kopf = Reflector(cluster, RUNTIME_ENV_VARS, Query(), self._noticed, lambda _last: None)
        self._running: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()

    def _noticed(self, new: Any, _old: Any) -> None:
        body: Any = {"metadata": msgspec.to_builtins(new.metadata), "spec": dict(new.spec), "status": dict(new.status)}
        offered = (kopf.Body(body), self.stages.offer, self.stages.malformed)
        if self.lag:
            asyncio.get_running_loop().call_later(self.lag, notice, *offered)
        else:
            notice(*offered)

    async def start(self) -> None:
        """Run, and wait until it is ready."""
        self._running = asyncio.create_task(self._run())
        ready = asyncio.create_task(self.ready.wait())
        await asyncio.wait({self._running, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._running.done():
            self._running.result()

    async def stop(self) -> None:
        """As a kill does: whatever runs is cut off."""
        assert self._running is not None
        assert not self._running.done(), "the controller ended by itself"
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watching.run())
            await self.watching.synced()
            self.stages.start(self._keyring)
            self.watching.start()
            group.create_task(self.stages.run())
            group.create_task(self.watching.on_demand.run())
            group.create_task(self._kopf.run())
            self.ready.set()


class World:
    """A cluster and the controller of the moment."""

    def __init__(self, *manifests: Manifest, **settings: Any) -> None:
        self.cluster = FakeCluster(*manifests)
        self.settings = replace(Settings(), **settings)
        self.failing: dict[str, ClusterError] = {}
        """What each write of a whole object is answered with, by its namespace or ref."""
        self.cluster.replace = self._replacing(self.cluster.replace)  # type: ignore[method-assign]
        self.keyring = KEYRING
        self.replica = self.another()

    def _replacing(self, real: Callable[[Manifest, str | None], Awaitable[str]]) -> Any:
        async def replacing(manifest: Manifest, version: str | None) -> str:
            ref = ref_of(manifest)
            if (failure := self.failing.get(ref.namespace) or self.failing.get(str(ref))) is not None:
                raise failure
            return await real(manifest, version)

        return replacing

    def another(self) -> Replica:
        """A further replica, not started."""
        return Replica(self.cluster, self.settings, self.keyring)

    async def __aenter__(self) -> World:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.replica.stop()

    async def start(self) -> None:
        """Start a controller that knows nothing, and let it do what it has to."""
        self.replica = self.another()
        await self.replica.start()
        await self.settle()

    async def restart(self, *, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Kill the controller, do something, and start another; `calls` are those of the second."""
        await self.replica.stop()
        meanwhile()
        self.cluster.calls.clear()
        await self.start()

    async def settle(self, seconds: float = 3.0) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)

    async def apply(self, *manifests: Manifest) -> None:
        """As a user does; then time passes."""
        for manifest in manifests:
            self.cluster.apply(manifest)
        await self.settle()

    async def remove(self, kind: Kind[Any], ref: str) -> None:
        """As a user does; garbage collection follows, and time passes."""
        self.cluster.remove(kind, at(ref))
        self.cluster.store.collect_garbage()
        await self.settle()

    def calls(self, verb: str) -> list[tuple[str, str]]:
        """(kind, ref) of each call of a verb."""
        return [(call.kind, str(call.ref)) for call in self.cluster.calls if call.verb == verb]

    def env(self, ref: str) -> dict[str, str] | None:
        """What pods that reference this Secret receive; None while it doesn't exist."""
        found = self.cluster.store.get(SECRETS, at(ref))
        return None if found is None else {key: content.decode() for key, content in contents(found).items()}

    def rvar(self, ref: str) -> str:
        """The encrypted Secret of a variable."""
        found = self.cluster.read(RUNTIME_ENV_VARS, at(ref))["metadata"]
        return f"{found['namespace']}/{names.encrypted_secret_name(found['uid'])}"

    def encrypted(self, ref: str) -> dict[str, Any] | None:
        """The encrypted Secret of a variable as it stands."""
        return self.cluster.store.get(SECRETS, at(self.rvar(ref)))

    def status(self, ref: str) -> dict[str, Any]:
        """A variable's status."""
        found: dict[str, Any] = self.cluster.read(RUNTIME_ENV_VARS, at(ref)).get("status", {})
        return found

    def reason(self, ref: str) -> str:
        """The reason of a variable's Ready condition; empty where it has no status yet."""
        return str(ready_of(self.status(ref)).get("reason", ""))

    def message(self, ref: str) -> str:
        """The message of a variable's Ready condition."""
        return str(ready_of(self.status(ref)).get("message", ""))

    def env_status(self, ref: str) -> dict[str, Any]:
        """A RuntimeEnv's status."""
        found: dict[str, Any] = self.cluster.read(RUNTIME_ENVS, at(ref)).get("status", {})
        return found

    def env_reason(self, ref: str) -> str:
        """The reason of a RuntimeEnv's Ready condition."""
        return str(ready_of(self.env_status(ref)).get("reason", ""))

    def events(self) -> list[tuple[str, str]]:
        """(reason, object) of each Event, in the order of their names."""
        return [(e["reason"], e["regarding"]["name"]) for e in self.cluster.store.all(EVENTS)]

    def overwrite(self, ref: str, entries: Mapping[str, bytes], **fields: Any) -> None:
        """Another hand writes a Secret's data, and adds or replaces top-level fields."""
        found = self.cluster.read(SECRETS, at(ref))
        self.cluster.apply({**found, "data": to_data(entries), **fields})


def ready_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """The Ready condition; empty where there is none."""
    return next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), {})


def contents(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """A Secret's entries, decoded."""
    return {key: base64.b64decode(text) for key, text in secret.get("data", {}).items()}


def to_data(entries: Mapping[str, bytes]) -> dict[str, str]:
    """The inverse of `contents`."""
    return {key: base64.b64encode(raw).decode() for key, raw in entries.items()}


def sizes(world: World, ref: str) -> list[int]:
    """How many variables each state of the environment's Secret held."""
    changes = [c for c in world.cluster.store.history if c.key[1] == "Secret" and c.key[2] == at(ref)]
    return [len(contents(c.after)) for c in changes if c.after]
