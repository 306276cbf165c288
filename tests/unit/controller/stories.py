"""A random story told to a controller, and what must hold at every step of it (architecture §7)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, RUNTIME_ENVS, SECRETS
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import ENCRYPTED_TYPE, ENV_TYPE
from runtimeenv.errors import Rejected, Unavailable
from tests.builders import Manifest, namespace, runtime_env, source_secret
from tests.unit.controller.world import Replica, World, at, contents, from_secret, ready_of, sealed

VARIABLES = ("a/wide", "a/narrow", "b/rival", "a/reader")
ENVS = ("a/renv.sandbox", "b/renv.sandbox")
FOREIGN = b"foreign"

USERS = ("put", "disable", "drop", "source", "no consent", "no source", "env", "no env", "leave", "join")
FOUL = ("wipe", "replay", "garbage", "wipe env", "foreign env")
NETWORK = ("hold", "flow", "gap", "cut", "fail", "fail env", "refuse", "repeat", "lag")
DEATHS = ("restart", "restore", "overlap")


@dataclass
class Story:
    """A world, and what was put into it: values say whose they are and which, as ``a/wide=7``."""

    world: World
    count: int = 0
    values: dict[tuple[str, int], int] = field(default_factory=dict)
    """By UID and generation: the count of the value."""
    older: dict[str, dict[str, bytes]] = field(default_factory=dict)
    others: list[Replica] = field(default_factory=list)
    refused: bool = False

    def variable(self, n: int, *, enabled: bool = True) -> Manifest:
        ref, value = VARIABLES[n], f"{VARIABLES[n]}={self.count}"
        if ref == "a/reader":
            return from_secret(ref, "s", name="READER", enabled=enabled)
        return sealed(ref, value, target="sandbox" if ref == "a/narrow" else "all", enabled=enabled)

    async def do(self, action: str, n: int, seconds: int) -> None:
        if action in USERS:
            self.use(action, n)
        elif action in FOUL:
            self.tamper(action, VARIABLES[n], ENVS[n % 2])
        elif action in NETWORK:
            self.disturb(action, n, seconds)
        elif action in DEATHS:
            await self.die(action)
        else:
            await asyncio.sleep(0.02 * n if action == "pause" else seconds)

    def use(self, action: str, n: int) -> None:
        self.count += 1
        store, cluster = self.world.cluster.store, self.world.cluster
        match action:
            case "put" | "disable":
                self.keep(VARIABLES[n])
                made = cluster.apply(self.variable(n, enabled=action == "put"))["metadata"]
                self.values[made["uid"], made["generation"]] = self.count
            case "drop":
                store.delete(RUNTIME_ENV_VARS, at(VARIABLES[n]))
            case "source" | "no consent":
                secret = source_secret("a/s", {"key": f"a/reader={self.count}"}, consent=action == "source")
                cluster.apply(secret)
            case "no source":
                store.delete(SECRETS, Ref("a", "s"))
            case "env":
                cluster.apply(runtime_env(ENVS[n % 2]))
            case "no env":
                store.delete(RUNTIME_ENVS, at(ENVS[n % 2]))
            case _:
                cluster.apply(namespace("b", "" if action == "leave" else "acme"))
        store.collect_garbage()

    def keep(self, ref: str) -> None:
        """Somebody copies the encrypted Secret, to put it back later."""
        if self.world.cluster.store.get(RUNTIME_ENV_VARS, at(ref)) and (found := self.world.encrypted(ref)):
            self.older[self.world.rvar(ref)] = contents(found)

    def tamper(self, action: str, ref: str, env: str) -> None:
        world = self.world
        if action == "wipe env":
            world.cluster.store.delete(SECRETS, at(env))
        elif action == "foreign env" and world.env(env) is not None:
            world.overwrite(env, {"TOKEN": FOREIGN})
        elif world.cluster.store.get(RUNTIME_ENV_VARS, at(ref)) and (found := world.encrypted(ref)):
            rvar = world.rvar(ref)
            if action == "wipe":
                world.cluster.remove(SECRETS, at(rvar))
            elif action == "garbage":
                world.overwrite(rvar, {"record": FOREIGN})
            else:
                world.overwrite(rvar, self.older.get(rvar, contents(found)))

    def disturb(self, action: str, n: int, seconds: int) -> None:
        cluster, faults = self.world.cluster, self.world.cluster.faults
        match action:
            case "hold":
                faults.events_flow.clear()
            case "flow":
                faults.events_flow.set()
            case "gap":
                cluster.forget_history()
            case "cut":
                cluster.cut_watches()
            case "fail":
                faults.fail(Unavailable(503, "away"), times=n + 1, after=seconds % 3)
            case "fail env":
                self.world.failing[ENVS[n % 2]] = Unavailable(503, "away")
            case "refuse":
                self.refused = True
                self.world.failing["b"] = Rejected(403, "a quota")
            case "repeat":
                faults.repeat = 1 + n % 2
            case _:
                self.world.replica.lag = 0.1 * n

    async def die(self, action: str) -> None:
        if action == "overlap":
            self.others.append(self.world.replica)
        else:
            await self.world.replica.stop()
        if action == "restore":
            self.wipe_all()
        await asyncio.sleep(0.01)  # no clock shows two controllers, one after the other, the same microsecond
        self.world.replica = self.world.another()
        starting = asyncio.create_task(self.world.replica.start())
        await asyncio.wait({starting}, timeout=5)
        starting.cancel()
        while len(self.others) > 1 or (self.others and action != "overlap"):
            await self.others.pop(0).stop()

    def wipe_all(self) -> None:
        for secret in self.world.cluster.store.all(SECRETS):
            if secret["type"] in (ENCRYPTED_TYPE, ENV_TYPE):
                self.world.cluster.remove(SECRETS, Ref(secret["metadata"]["namespace"], secret["metadata"]["name"]))

    async def end(self) -> None:
        """The network heals, sources come back, and one controller is left."""
        self.world.cluster.faults.events_flow.set()
        self.world.failing.clear()
        self.use("source", 0)
        while self.others:
            await self.others.pop().stop()
        await asyncio.sleep(700)

    # What must be true.

    def expected(self) -> dict[str, str]:
        """What each environment holds in the end."""
        store = self.world.cluster.store
        found = {ref: store.get(RUNTIME_ENV_VARS, at(ref)) for ref in VARIABLES}
        if not self.enrolled("b"):
            found["b/rival"] = None
        claimants = [f for ref in ("a/wide", "b/rival") if (f := found[ref])]
        wide = min(claimants, key=lambda f: f["metadata"]["creationTimestamp"], default=None)
        received: dict[str, str] = {}
        for name, winner in (("TOKEN", wide), ("TOKEN", found["a/narrow"]), ("READER", found["a/reader"])):
            if winner is not None and winner["spec"]["enabled"]:
                received[name] = self.value_of(winner)
        return received

    def value_of(self, variable: Manifest) -> str:
        ref = f"{variable['metadata']['namespace']}/{variable['metadata']['name']}"
        if ref == "a/reader":
            return contents(self.world.cluster.read(SECRETS, Ref("a", "s")))["key"].decode()
        return f"{ref}={self.values[variable['metadata']['uid'], variable['metadata']['generation']]}"

    def enrolled(self, place: str) -> bool:
        return any(
            n["metadata"].get("labels")
            for n in self.world.cluster.store._objects.values()
            if n["kind"] == "Namespace" and n["metadata"]["name"] == place
        )

    def check_end(self) -> None:
        expected = self.expected()
        for env in ENVS:
            if self.world.cluster.store.get(RUNTIME_ENVS, at(env)) is None or not self.enrolled(env[0]):
                assert self.world.env(env) is None
            else:
                assert self.world.env(env) == expected
                assert self.world.env_reason(env) == "Materialized"
        for ref in VARIABLES:
            found = self.world.cluster.store.get(RUNTIME_ENV_VARS, at(ref))
            if found is not None:
                assert self.world.reason(ref) in self.reasons(ref, found, expected)
                assert self.world.status(ref)["observedGeneration"] == found["metadata"]["generation"]
                assert bool(self.world.encrypted(ref)) == self.enrolled(ref[0])
        secrets = [s for s in self.world.cluster.store.all(SECRETS) if s["type"] == ENCRYPTED_TYPE]
        owners = {f["metadata"]["uid"] for f in self.world.cluster.store.all(RUNTIME_ENV_VARS)}
        assert {s["metadata"]["name"].removeprefix("rvar.") for s in secrets} <= owners

    def reasons(self, ref: str, found: Manifest, expected: dict[str, str]) -> set[str]:
        if not self.enrolled(ref[0]):
            return {"NotEnrolled"}
        if not found["spec"]["enabled"]:
            return {"Disabled", "Conflict"}
        in_use = any(value.startswith(f"{ref}=") for value in expected.values())
        return {"Materialized"} if in_use else {"Materialized", "Conflict"}

    def check_history(self) -> None:
        """Nothing older reaches pods, or stays with them, once a variable is Ready."""
        ready: dict[str, int] = {}
        held: dict[str, dict[str, int]] = {}
        for change in self.world.cluster.store.history:
            ref = str(change.key[2])
            if change.key[1] == "RuntimeEnvVar" and change.after is not None:
                ready[ref] = max(self.ready_count(change.after), ready.get(ref, 0))
            elif change.key[1] == "Secret" and ref in self.writable():
                held[ref] = counts(change.after or {})
            else:
                continue
            for env in held.values():
                assert all(count >= ready.get(whose, 0) for whose, count in env.items()), f"{env} after {ready}"

    def writable(self) -> set[str]:
        """Ready does not wait for a RuntimeEnv that can't be written."""
        return {ENVS[0]} if self.refused else {*ENVS}

    def ready_count(self, variable: Manifest) -> int:
        meta, status = variable["metadata"], variable.get("status", {})
        condition: dict[str, Any] = ready_of(status)
        if condition.get("reason") != "Materialized" or status["observedGeneration"] != meta["generation"]:
            return 0
        return self.values.get((meta["uid"], meta["generation"]), 0) if meta["name"] != "reader" else 0


def counts(secret: Manifest) -> dict[str, int]:
    """Whose values an environment holds, and which."""
    texts = [raw.decode() for raw in contents(secret).values() if raw != FOREIGN]
    return {whose: int(which) for whose, _, which in (text.partition("=") for text in texts)}
