"""Values in no log, repr, Event, status or annotation; and nothing kept of what is gone."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Sized
from typing import Any

import pytest

from runtimeenv.cluster.kinds import EVENTS, NAMESPACES, PODS, RUNTIME_ENV_VARS, RUNTIME_ENVS, SECRETS, Kind
from runtimeenv.core.names import ENCRYPTED_TYPE
from runtimeenv.errors import Rejected, Unavailable
from tests.builders import namespace, pod, runtime_env, source_secret, variable
from tests.unit.controller.world import World, at, from_secret, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
KINDS: dict[str, Kind[Any]] = {"RuntimeEnvVar": RUNTIME_ENV_VARS, "RuntimeEnv": RUNTIME_ENVS, "Secret": SECRETS}
CANARY = "canary-3f9a1c77d2-canary"


async def test_a_value_is_seen_nowhere_but_in_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = [sealed("acme/x", CANARY), source_secret("acme/s", {"key": CANARY}), from_secret("acme/y", "s", name="Y")]
    async with World(*ACME, *found) as world:
        world.cluster.faults.fail(Unavailable(503, "away"), times=4)
        await world.apply(sealed("acme/x", CANARY + "2"), source_secret("acme/s", {"key": CANARY + "\0"}))
        world.cluster.faults.fail(Rejected(403, "refused"), times=4, verb="replace")
        await world.apply(sealed("acme/x", CANARY + "3"))
        world.overwrite(world.rvar("acme/x"), {"record": CANARY.encode()})
        world.overwrite("acme/renv.sandbox", {"TOKEN": b"x", "OTHER": CANARY.encode()})
        await world.apply(variable("acme/z", "Z", CANARY), variable("acme/q", "Q", value=CANARY))
        await world.settle(400)
        assert caplog.records
        assert not [r for r in caplog.records if CANARY in str(r.__dict__)]
        kept = [*world.cluster.store.all(RUNTIME_ENVS), *world.cluster.store.all(EVENTS)]
        kept += [v["status"] for v in world.cluster.store.all(RUNTIME_ENV_VARS)]
        kept += [s["metadata"] for s in world.cluster.store.all(SECRETS)]
        assert CANARY not in str(kept)
        encrypted = [s for s in world.cluster.store.all(SECRETS) if s["type"] == ENCRYPTED_TYPE]
        assert encrypted
        assert base64.b64encode(CANARY.encode()).decode()[:-4] not in str(encrypted)


async def test_no_repr_of_what_is_kept_shows_a_value() -> None:
    found = [sealed("acme/x", CANARY), source_secret("acme/s", {"key": CANARY}), from_secret("acme/y", "s", name="Y")]
    async with World(*ACME, *found) as world:
        shown = [repr(part) for part in parts(world.replica.watching)]
        assert len(shown) > 20
        assert not [text for text in shown if CANARY in text]


async def test_what_is_gone_is_not_remembered() -> None:
    async with World() as world:
        before = sizes(world)
        assert "Queue._entries" in before
        for n in range(5):
            await live_and_die(world, f"n{n}")
        await world.settle(4000)
        # The last keys' rest is noted until the next key's.
        grown = {name: (before[name], size) for name, size in sizes(world).items() if size > before[name] + 2}
        assert not grown


async def live_and_die(world: World, place: str) -> None:
    """A namespace's whole life: variables that conflict, wait, read Secrets and fail; RuntimeEnvs; pods."""
    ref = f"{place}/renv.sandbox"
    asking = pod(f"{place}/p", {"runtime.miosa.ai/target": "agent"})
    await world.apply(namespace(place, place), runtime_env(ref), source_secret(f"{place}/s", {"key": "v"}), asking)
    world.cluster.faults.fail(Unavailable(503, "away"), kind="secrets", times=8)
    found = [sealed(f"{place}/x", "v", tenant=place), sealed(f"{place}/y", "w", tenant=place)]
    await world.apply(*found, from_secret(f"{place}/z", "s", name="Z"), variable(f"{place}/bad", "BAD", "renv1.x"))
    await world.settle(60)
    assert world.env(ref) == {"TOKEN": "v", "Z": "v"}
    for key in [key for key in world.cluster.store._objects if key[2].namespace == place]:
        kind = KINDS.get(key[1])
        if kind is not None and world.cluster.store.get(kind, key[2]):
            world.cluster.remove(kind, key[2])
    world.cluster.remove(PODS, at(f"{place}/p"))
    await world.settle()
    for env in world.cluster.store.all(RUNTIME_ENVS):
        world.cluster.remove(RUNTIME_ENVS, at(f"{place}/{env['metadata']['name']}"))
    await world.settle(400)
    world.cluster.remove(NAMESPACES, at(place))
    await world.settle()


def parts(root: object) -> Iterator[object]:
    """All objects of ours that a replica keeps, and what their containers hold."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, type | str | bytes | int | float):
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif type(part).__module__.startswith("runtimeenv."):
            yield part
            waiting += attributes(part)


def attributes(part: object) -> list[object]:
    slots = [name for kind in type(part).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*slots, *getattr(part, "__struct_fields__", ()), *getattr(part, "__dict__", ())]
    return [getattr(part, name) for name in names if hasattr(part, name)]


def sizes(world: World) -> dict[str, int]:
    """How much each container holds that belongs to an object of the controller."""
    found: dict[str, int] = {}
    for part in parts(world.replica.watching):
        if not type(part).__module__.startswith(("runtimeenv.controller", "runtimeenv.cluster.reflector")):
            continue
        for name in getattr(part, "__dict__", {}):
            if isinstance(inner := getattr(part, name), Sized) and not isinstance(inner, str):
                label = f"{type(part).__name__}.{name}"
                found[label] = found.get(label, 0) + len(inner)
    return found
