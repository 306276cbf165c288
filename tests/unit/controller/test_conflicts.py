"""One identity, several claimants: the oldest wins, and the next takes over."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, SECRETS
from runtimeenv.errors import Rejected
from tests.builders import namespace, runtime_env, variable
from tests.unit.controller.world import World, at, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), namespace("second", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"


async def test_the_oldest_claimant_wins_and_the_other_is_told_who() -> None:
    async with World(*ACME, sealed("acme/old", "v"), sealed("second/young", "w")) as world:
        assert world.env(ENV) == {"TOKEN": "v"}
        assert (world.reason("acme/old"), world.reason("second/young")) == ("Materialized", "Conflict")
        assert "acme/old" in world.message("second/young")
        assert world.status("second/young")["id"] == world.status("acme/old")["id"]
        assert ("Conflict", "young") in world.events()


async def test_the_next_takes_over_when_the_winner_goes() -> None:
    async with World(*ACME, sealed("acme/old", "v"), sealed("second/young", "w")) as world:
        await world.remove(RUNTIME_ENV_VARS, "acme/old")
        assert world.env(ENV) == {"TOKEN": "w"}
        assert world.reason("second/young") == "Materialized"
        assert ("TakenOver", "young") in world.events()
        await world.restart()
        assert not world.cluster.writes()


async def test_the_next_takes_over_when_the_winner_went_while_the_controller_was_down() -> None:
    async with World(*ACME, sealed("acme/old", "v"), sealed("second/young", "w")) as world:
        await world.restart(meanwhile=lambda: world.cluster.remove(RUNTIME_ENV_VARS, at("acme/old")))
        assert world.env(ENV) == {"TOKEN": "w"}
        assert world.reason("second/young") == "Materialized"


async def test_a_disabled_winner_keeps_its_claim() -> None:
    async with World(*ACME, sealed("acme/old", "v", enabled=False), sealed("second/young", "w")) as world:
        assert world.env(ENV) == {}
        assert (world.reason("acme/old"), world.reason("second/young")) == ("Disabled", "Conflict")


async def test_an_unreadable_winner_keeps_its_claim() -> None:
    async with World(*ACME, variable("acme/old", sealed="renv1.x"), sealed("second/young", "w")) as world:
        assert world.env(ENV) == {}
        assert (world.reason("acme/old"), world.reason("second/young")) == ("InvalidValue", "Conflict")


async def test_who_is_not_admitted_claims_nothing() -> None:
    async with World(*ACME, namespace("ws", "acme", "w1"), sealed("ws/old", "v"), sealed("acme/young", "w")) as world:
        assert world.env(ENV) == {"TOKEN": "w"}
        assert (world.reason("ws/old"), world.reason("acme/young")) == ("TenantMismatch", "Materialized")


async def test_a_namespace_that_leaves_hands_its_claims_over() -> None:
    found = (sealed("second/old", "v"), sealed("acme/young", "w"))
    async with World(*ACME, *found) as world:
        assert world.env(ENV) == {"TOKEN": "v"}
        await world.apply(namespace("second"))
        assert world.env(ENV) == {"TOKEN": "w"}
        assert world.reason("acme/young") == "Materialized"


async def test_a_wiped_secret_of_the_winner_hands_nothing_over() -> None:
    async with World(*ACME, sealed("acme/old", "v"), sealed("second/young", "w")) as world:
        await world.remove(SECRETS, world.rvar("acme/old"))
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.reason("second/young") == "Conflict"
        assert world.events() == [("Conflict", "young")]


async def test_a_restore_that_tries_the_younger_first_ends_with_the_oldest() -> None:
    async with World(*ACME, sealed("second/z-old", "v"), sealed("acme/a-young", "w")) as world:
        await world.restart(meanwhile=lambda: world.cluster.remove(SECRETS, at(world.rvar("second/z-old"))))
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.reason("acme/a-young") == "Conflict"


async def test_a_conflict_is_told_once() -> None:
    async with World(*ACME, sealed("acme/old", "v"), sealed("second/young", "w")) as world:
        await world.restart()
        await world.apply(sealed("acme/old", "v2"))
        assert world.events() == [("Conflict", "young")]
        assert world.env(ENV) == {"TOKEN": "v2"}


async def test_a_claimant_that_lost_is_stored_once_its_namespace_takes_it() -> None:
    async with World(*ACME, sealed("acme/old", "v")) as world:
        world.failing["second"] = Rejected(403, "a quota")
        await world.apply(sealed("second/young", "w"))
        assert (world.reason("second/young"), world.encrypted("second/young")) == ("Conflict", None)
        world.failing.clear()
        await world.settle(301)
        assert world.encrypted("second/young") is not None
