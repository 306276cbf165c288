"""A namespace whose name has another tenant by now, while its watch is silent: nothing of the former one reaches it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.errors import Unavailable
from tests.builders import namespace, runtime_env, source_secret
from tests.unit.controller.world import World, at, from_secret, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), namespace("x", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "x/renv.sandbox"


@contextmanager
def silent_namespaces(world: World) -> Iterator[None]:
    """The watch of namespaces tells nothing until the end of the block; the others go on."""
    real = world.cluster.watch
    held = True

    async def watch(kind: Any, query: Any, since: str) -> AsyncGenerator[Any, None]:
        async for event in real(kind, query, since):
            while held and kind is NAMESPACES:
                await world.settle(1)
            yield event

    world.cluster.watch = watch  # type: ignore[method-assign]
    world.cluster.cut_watches()
    try:
        yield
    finally:
        held = False


def make_again(world: World, tenant: str) -> None:
    """The namespace x is deleted with all that is in it, and made by somebody else."""
    world.cluster.remove(NAMESPACES, at("x"))
    world.cluster.apply(namespace("x", tenant))


async def test_a_namespace_made_again_by_a_neighbour_receives_nothing_of_its_former_tenant() -> None:
    async with World(*ACME, sealed("acme/a", "acme's")) as world:
        await world.settle()
        with silent_namespaces(world):
            await world.settle(40)
            make_again(world, "globex")
            await world.apply(runtime_env(ENV))
            await world.settle(60)
            assert (world.env(ENV), world.env_status(ENV)) == (None, {})
        await world.settle(20)
        assert world.env(ENV) == {}
        assert world.env_reason(ENV) == "Materialized"


async def test_a_variable_of_a_namespace_made_again_claims_nothing_of_its_former_tenant() -> None:
    async with World(*ACME) as world:
        with silent_namespaces(world):
            await world.settle(40)
            make_again(world, "globex")
            await world.apply(source_secret("x/s", {"key": "globex's"}), from_secret("x/b", "s"))
            await world.settle(60)
            assert (world.env("acme/renv.sandbox"), world.status("x/b")) == ({}, {})
        await world.settle(20)
        assert world.env("acme/renv.sandbox") == {}
        assert (world.reason("x/b"), world.status("x/b")["tenantId"]) == ("Materialized", "globex")


async def test_nothing_new_is_derived_in_a_namespace_that_is_being_deleted() -> None:
    async with World(*ACME, sealed("acme/a", "acme's")) as world:
        leaving = world.cluster.read(NAMESPACES, at("x"))
        leaving["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
        world.cluster.apply(leaving)
        await world.settle(5)
        await world.apply(runtime_env(ENV), sealed("x/b", "w", "OTHER"))
        assert (world.env(ENV), world.encrypted("x/b")) == (None, None)
        assert (world.env_reason(ENV), world.reason("x/b")) == ("WriteRefused", "WriteRefused")
        assert world.env("acme/renv.sandbox") == {"TOKEN": "acme's"}


async def test_many_new_variables_ask_once_for_their_namespace() -> None:
    async with World(*ACME, runtime_env(ENV)) as world:
        await world.settle(5)
        world.cluster.calls.clear()
        await world.apply(
            *(sealed(f"{place}/v{n}", "v", f"{place.upper()}{n}") for place in ("acme", "x") for n in range(50))
        )
        assert sorted(world.calls("get")) == [("namespaces", "/acme"), ("namespaces", "/x")]
        assert len(world.env(ENV) or ()) == 100


async def test_a_namespace_that_could_not_be_asked_for_is_asked_for_again() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Unavailable(503, "get"), verb="get", kind="namespaces", times=2)
        await world.apply(sealed("x/b", "v"))
        assert world.env("acme/renv.sandbox") == {"TOKEN": "v"}
