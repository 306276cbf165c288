"""Stage 1, and through it what pods receive: each claim over a whole controller and a FakeCluster."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, RUNTIME_ENVS, SECRETS
from runtimeenv.errors import Rejected, Unavailable
from tests.builders import namespace, runtime_env, source_secret, variable
from tests.unit.controller.world import World, at, from_secret, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"
LONG = "sk-ant-0123456789-abcdefghij"


async def test_a_variable_costs_two_writes_and_no_read() -> None:
    async with World(*ACME) as world:
        world.cluster.calls.clear()
        await world.apply(sealed("acme/x", "v"))
        own = [(c.verb, c.kind) for c in world.cluster.calls if c.ref.name not in ("renv.sandbox", "")]
        assert own == [("create", "secrets"), ("replace", "runtimeenvvars")]
        assert not world.calls("list")
        assert world.reason("acme/x") == "Materialized"
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_many_variables_are_written_to_an_environment_few_times() -> None:
    async with World(*ACME) as world:
        world.cluster.calls.clear()
        await world.apply(*(sealed(f"acme/x{n}", "v", f"N{n}") for n in range(40)))
        assert len(world.env(ENV) or ()) == 40
        assert len([c for c in world.cluster.writes(SECRETS) if c.ref == at(ENV)]) <= 3
        assert len(world.cluster.writes()) <= 40 * 2 + 6


async def test_a_restart_writes_nothing_unchanged() -> None:
    secret = source_secret("acme/s", {"key": "w"})
    async with World(*ACME, sealed("acme/x", "v"), secret, from_secret("acme/y", "s", name="OTHER")) as world:
        await world.apply(variable("acme/bad", "BAD", "renv1.bad"))
        await world.restart()
        assert not world.cluster.writes()
        assert world.env(ENV) == {"TOKEN": "v", "OTHER": "w"}


async def test_a_restart_writes_no_status_for_environments_that_came_later() -> None:
    async with World(namespace("acme", "acme"), sealed("acme/x", "v")) as world:
        assert world.status("acme/x")["propagation"] == {"done": 0, "total": 0}
        await world.apply(runtime_env(ENV))
        await world.restart()
        assert not world.cluster.writes()


async def test_a_change_is_ready_only_when_pods_receive_it() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.apply(sealed("acme/x", "v2"))
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.status("acme/x")["observedGeneration"] == 2
        assert world.status("acme/x")["propagation"] == {"done": 1, "total": 1}


async def test_a_deleted_variable_leaves_nothing_behind() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        world.cluster.remove(RUNTIME_ENV_VARS, at("acme/x"))
        await world.settle()
        assert world.env(ENV) == {}
        assert [s["metadata"]["name"] for s in world.cluster.store.all(SECRETS)] == ["renv.sandbox"]


async def test_a_variable_deleted_while_the_controller_was_down_is_noticed() -> None:
    async with World(*ACME, sealed("acme/x", "v"), sealed("acme/y", "w", "OTHER")) as world:
        await world.restart(meanwhile=lambda: world.cluster.remove(RUNTIME_ENV_VARS, at("acme/x")))
        assert world.env(ENV) == {"OTHER": "w"}
        assert len(world.cluster.store.all(SECRETS)) == 2


async def test_a_variable_deleted_while_it_is_written_leaves_nothing_behind() -> None:
    async with World(*ACME) as world:
        with world.cluster.faults.calls_delayed():
            await world.apply(sealed("acme/x", "v"))
            world.cluster.remove(RUNTIME_ENV_VARS, at("acme/x"))
            await world.settle()
        await world.settle()
        assert [s["metadata"]["name"] for s in world.cluster.store.all(SECRETS)] == ["renv.sandbox"]


async def test_a_variable_changed_while_the_controller_was_down_is_written() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.restart(meanwhile=lambda: world.cluster.apply(sealed("acme/x", "v2")))
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.status("acme/x")["observedGeneration"] == 2


async def test_a_disabled_variable_lets_the_wider_layer_show_through() -> None:
    narrow = sealed("acme/y", "narrow", target="sandbox")
    async with World(*ACME, sealed("acme/x", "wide"), narrow) as world:
        assert world.env(ENV) == {"TOKEN": "narrow"}
        narrow["spec"]["enabled"] = False
        await world.apply(narrow)
        assert world.env(ENV) == {"TOKEN": "wide"}
        assert world.reason("acme/y") == "Disabled"


async def test_the_status_shows_a_preview_and_times_but_no_value() -> None:
    async with World(*ACME, sealed("acme/x", LONG)) as world:
        status = world.status("acme/x")
        assert status["preview"] == "sk-ant...ghij"
        assert status["tenantId"] == "acme"
        assert status["id"].startswith("env_")
        assert LONG not in str(status)


async def test_metadata_moves_neither_the_value_nor_the_revision() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        revision = world.env_status(ENV)["revision"]
        noted = world.cluster.read(RUNTIME_ENV_VARS, at("acme/x"))
        noted["spec"]["metadata"] = {"owner": "ops"}
        world.cluster.calls.clear()
        await world.apply(noted)
        assert world.env_status(ENV)["revision"] == revision
        assert not [c for c in world.cluster.writes() if c.ref == at(ENV)]


async def test_a_reserved_name_is_refused_unless_allowed() -> None:
    async with World(*ACME, sealed("acme/x", "v", "LD_PRELOAD")) as world:
        assert world.reason("acme/x") == "InvalidValue"
        assert world.env(ENV) == {}
    async with World(*ACME, sealed("acme/x", "v", "LD_PRELOAD"), allowed_names=frozenset({"LD_PRELOAD"})) as world:
        assert world.env(ENV) == {"LD_PRELOAD": "v"}


async def test_a_name_that_is_no_longer_allowed_leaves_the_environment() -> None:
    allowed = frozenset({"LD_PRELOAD"})
    async with World(*ACME, sealed("acme/x", "v", "LD_PRELOAD"), allowed_names=allowed) as world:
        world.settings = type(world.settings)()
        await world.restart()
        assert world.env(ENV) == {}
        assert world.encrypted("acme/x") is None


async def test_a_refused_write_is_told_and_retried_after_five_minutes() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Rejected(403, "create secrets"), kind="secrets", verb="create")
        await world.apply(sealed("acme/x", "v"))
        assert world.reason("acme/x") == "WriteRefused"
        await world.settle(290)
        assert world.reason("acme/x") == "WriteRefused"
        await world.settle(20)
        assert world.reason("acme/x") == "Materialized"


async def test_what_can_not_be_stored_withholds_its_name() -> None:
    async with World(*ACME, namespace("full", "acme"), sealed("acme/x", "wide")) as world:
        world.failing["full"] = Rejected(403, "create secrets")
        await world.apply(sealed("full/y", "narrow", target="sandbox"))
        assert world.env(ENV) == {}
        assert world.reason("full/y") == "WriteRefused"
        assert world.status("full/y")["id"].startswith("env_")
        await world.restart()
        assert world.env(ENV) == {}
        world.failing.clear()
        await world.settle(301)
        assert world.env(ENV) == {"TOKEN": "narrow"}
        world.failing["full"] = Rejected(403, "create secrets")
        await world.apply(sealed("full/z", "v", "ANOTHER"))
        await world.remove(RUNTIME_ENV_VARS, "full/z")
        assert world.env(ENV) == {"TOKEN": "narrow"}
        assert len([*world.replica.stages.index._records]) == 2


async def test_an_api_server_that_is_away_is_waited_for() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Unavailable(503, "create secrets"), kind="secrets", verb="create", times=5)
        world.cluster.faults.fail(Unavailable(429, "replace"), kind="runtimeenvvars", verb="replace", times=3)
        await world.apply(sealed("acme/x", "v"))
        await world.settle(60)
        assert world.reason("acme/x") == "Materialized"
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_a_variable_that_waits_says_so_after_a_second_and_every_five() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Unavailable(503, "env"), kind="secrets", after=1, times=6)
        world.cluster.apply(sealed("acme/x", "v"))
        await world.settle(0.9)
        assert world.reason("acme/x") == ""
        await world.settle(0.4)
        assert world.reason("acme/x") == "Propagating"
        assert world.message("acme/x") == "0 of 1 RuntimeEnvs hold it"
        world.cluster.calls.clear()
        await world.settle(30)
        assert world.reason("acme/x") == "Materialized"
        assert len(world.cluster.writes(RUNTIME_ENV_VARS)) <= 2


async def test_a_variable_without_environments_is_ready_at_once() -> None:
    async with World(namespace("acme", "acme"), sealed("acme/x", "v")) as world:
        assert world.reason("acme/x") == "Materialized"
        await world.apply(runtime_env(ENV))
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_an_object_made_again_under_its_name_starts_anew() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        old = world.rvar("acme/x")
        world.cluster.remove(RUNTIME_ENV_VARS, at("acme/x"))
        world.cluster.apply(sealed("acme/x", "v2"))
        await world.settle()
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.cluster.store.get(SECRETS, at(old)) is None
        assert world.reason("acme/x") == "Materialized"


async def test_a_removed_environment_holds_nobody_up() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Unavailable(503, "env"), kind="secrets", after=1, times=30)
        await world.apply(sealed("acme/x", "v"))
        assert world.reason("acme/x") == "Propagating"
        world.cluster.remove(RUNTIME_ENVS, at(ENV))
        await world.settle(1)
        assert world.reason("acme/x") == "Materialized"
