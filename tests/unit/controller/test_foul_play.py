"""Other hands write, wipe and replay what the controller derived: it is restored, and pods never receive it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, SECRETS
from runtimeenv.core import names
from runtimeenv.errors import Rejected, Unavailable
from tests.builders import namespace, runtime_env, source_secret
from tests.unit.controller.world import World, at, contents, from_secret, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"


def seen_by_pods(world: World) -> list[dict[str, str] | None]:
    """Each state of the environment's Secret that ever was."""
    changes = [c for c in world.cluster.store.history if c.key[1] == "Secret" and c.key[2] == at(ENV)]
    return [{k: v.decode() for k, v in contents(c.after).items()} if c.after else None for c in changes]


def edited(world: World, ref: str, **fields: Any) -> dict[str, bytes]:
    """A variable's encrypted entries, with other fields in its record."""
    entries = contents(world.encrypted(ref) or {})
    record = {**msgspec.json.decode(entries["record"]), **fields}
    return {**entries, "record": msgspec.json.encode(record)}


async def test_a_wiped_encrypted_secret_is_restored_and_pods_notice_nothing() -> None:
    async with World(*ACME, sealed("acme/wide", "wide"), sealed("acme/x", "v", target="sandbox")) as world:
        before = seen_by_pods(world)
        await world.remove(SECRETS, world.rvar("acme/x"))
        assert world.encrypted("acme/x")
        assert seen_by_pods(world) == before
        await world.restart()
        assert not world.cluster.writes()


async def test_a_wiped_last_good_value_is_restored_too() -> None:
    async with World(*ACME, source_secret("acme/s", {"key": "v"}), from_secret("acme/x", "s")) as world:
        await world.remove(SECRETS, "acme/s")
        await world.remove(SECRETS, world.rvar("acme/x"))
        assert world.env(ENV) == {"TOKEN": "v"}
        await world.restart()
        assert not world.cluster.writes()
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_an_encrypted_secret_that_is_wiped_in_a_gap_is_restored() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        with world.cluster.faults.events_delayed():
            await world.apply(sealed("acme/x", "v2"))
            world.cluster.remove(SECRETS, at(world.rvar("acme/x")))
            world.cluster.forget_history()
        await world.settle(60)
        assert world.encrypted("acme/x")
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.reason("acme/x") == "Materialized"


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "99"},
        {"from": "0"},
        {"from": "1/replayed"},
        {"created": "1970-01-01T00:00:00Z"},
        {"name": "another"},
        {"variable": "ANOTHER"},
        {"target": "agent"},
        {"tenant": "globex"},
        {"enabled": False},
        {"changed": "never"},
        {"value_changed": "2026-11-24T12:00:00"},
        {"format": 2},
    ],
)
@pytest.mark.parametrize("down", [False, True])
async def test_a_tampered_record_is_written_anew_and_pods_notice_nothing(fields: dict[str, Any], down: bool) -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        before, states, rvar = world.encrypted("acme/x"), seen_by_pods(world), world.rvar("acme/x")

        def tamper() -> None:
            world.overwrite(rvar, edited(world, "acme/x", **fields))

        if down:
            await world.restart(meanwhile=tamper)
        else:
            tamper()
        await world.settle(10)
        after = world.encrypted("acme/x")
        assert before
        assert after
        assert (
            msgspec.json.decode(contents(after)["record"]).keys()
            == msgspec.json.decode(contents(before)["record"]).keys()
        )
        assert world.reason("acme/x") == "Materialized"
        if not down:
            assert seen_by_pods(world) == states
        assert seen_by_pods(world)[-1] == {"TOKEN": "v"}
        await world.apply(sealed("acme/x", "v2"))
        assert world.env(ENV) == {"TOKEN": "v2"}


@pytest.mark.parametrize(
    "entries", [{}, {"record": b"{}"}, {"envelope": b"x"}, {"record": b"\xff", "envelope": b"\xff"}]
)
@pytest.mark.parametrize("down", [False, True])
async def test_garbage_in_an_encrypted_secret_is_written_anew(entries: dict[str, bytes], down: bool) -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        rvar, states = world.rvar("acme/x"), seen_by_pods(world)
        found = world.cluster.read(SECRETS, at(rvar))
        metadata = {k: v for k, v in found["metadata"].items() if k != "ownerReferences"}

        def tamper() -> None:
            world.overwrite(rvar, entries, metadata=metadata)

        if down:
            await world.restart(meanwhile=tamper)
        else:
            tamper()
        await world.settle(10)
        after = world.encrypted("acme/x") or {}
        assert set(contents(after)) == {"record", "envelope"}
        assert after["metadata"]["ownerReferences"]
        if not down:
            assert seen_by_pods(world) == states
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_an_older_encrypted_secret_put_back_never_reaches_pods() -> None:
    async with World(*ACME, sealed("acme/x", "old")) as world:
        older = contents(world.encrypted("acme/x") or {})
        await world.apply(sealed("acme/x", "new"))
        world.overwrite(world.rvar("acme/x"), older)
        await world.settle(10)
        assert seen_by_pods(world)[-1] == {"TOKEN": "new"}
        assert seen_by_pods(world).count({"TOKEN": "old"}) == 1
        await world.restart(meanwhile=lambda: world.overwrite(world.rvar("acme/x"), older))
        assert seen_by_pods(world)[-1] == {"TOKEN": "new"}
        assert seen_by_pods(world).count({"TOKEN": "old"}) == 1


async def test_an_older_source_put_back_never_reaches_pods() -> None:
    async with World(*ACME, source_secret("acme/s", {"key": "old"}), from_secret("acme/x", "s")) as world:
        older = contents(world.encrypted("acme/x") or {})
        await world.apply(source_secret("acme/s", {"key": "new"}))
        world.overwrite(world.rvar("acme/x"), older)
        await world.settle(10)
        assert seen_by_pods(world)[-1] == {"TOKEN": "new"}
        assert seen_by_pods(world).count({"TOKEN": "old"}) == 1


async def test_a_copy_in_another_namespace_changes_nothing() -> None:
    async with World(*ACME, namespace("other", "acme"), sealed("acme/x", "v")) as world:
        states, found = seen_by_pods(world), world.encrypted("acme/x") or {}
        copy = {**found, "metadata": {**found["metadata"], "namespace": "other"}}
        await world.apply(copy)
        await world.apply(sealed("acme/x", "v2"))
        assert seen_by_pods(world) == [*states, {"TOKEN": "v2"}]
        await world.restart(meanwhile=lambda: world.cluster.apply(copy))
        await world.apply(sealed("acme/x", "v3"))
        assert seen_by_pods(world) == [*states, {"TOKEN": "v2"}, {"TOKEN": "v3"}]


@pytest.mark.parametrize("down", [False, True])
async def test_garbage_of_what_may_not_be_goes(down: bool) -> None:
    async with World(*ACME, namespace("other"), sealed("acme/x", "v"), sealed("other/y", "w")) as world:
        found = world.encrypted("acme/x") or {}

        def tamper() -> None:
            for ref in (world.rvar("other/y"), "acme/rvar.unknown"):
                place = {"namespace": at(ref).namespace, "name": at(ref).name}
                world.cluster.apply({**found, "metadata": place, "data": {}})

        if down:
            await world.restart(meanwhile=tamper)
        else:
            tamper()
        await world.settle()
        secrets = [s["metadata"]["name"] for s in world.cluster.store.all(SECRETS) if s["type"] == names.ENCRYPTED_TYPE]
        assert secrets == [found["metadata"]["name"]]


async def test_a_secret_of_another_type_in_the_way_goes() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        rvar = world.rvar("acme/x")
        world.cluster.remove(SECRETS, at(rvar))
        world.cluster.apply(source_secret(rvar, {"record": "x"}, consent=False))
        await world.settle(10)
        assert (world.encrypted("acme/x") or {})["type"] == names.ENCRYPTED_TYPE
        assert world.reason("acme/x") == "Materialized"


async def test_an_immutable_encrypted_secret_is_made_again() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        world.cluster.faults.fail(Rejected(422, "replace"), kind="secrets", verb="replace")
        await world.apply(sealed("acme/x", "v2"))
        assert world.reason("acme/x") == "Materialized"
        assert world.env(ENV) == {"TOKEN": "v2"}


async def test_a_failed_write_of_an_environment_is_no_reason_to_be_ready() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        # The encrypted Secret is written, then the environment fails five times.
        world.cluster.faults.fail(Unavailable(503, "replace"), kind="secrets", verb="replace", after=1, times=5)
        await world.apply(sealed("acme/x", "v2"))
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.reason("acme/x") == "Propagating"
        await world.settle(30)
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.reason("acme/x") == "Materialized"


async def test_the_echo_of_a_write_that_comes_before_its_answer_costs_no_write() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        real = world.cluster.replace

        async def slow(manifest: Any, version: str | None) -> str:
            written = await real(manifest, version)
            for _ in range(50):
                await world.settle(0.001)
            return written

        world.cluster.replace = slow  # type: ignore[method-assign]
        world.cluster.calls.clear()
        await world.apply(sealed("acme/x", "v2"))
        own = [(c.verb, c.kind) for c in world.cluster.calls if c.ref not in (at(ENV), at("/"))]
        assert own == [("replace", "secrets"), ("replace", "runtimeenvvars")]
        assert len([c for c in world.cluster.writes(SECRETS) if c.ref == at(ENV)]) == 1
        assert world.cluster.read(RUNTIME_ENV_VARS, at("acme/x"))["metadata"]["generation"] == 2
