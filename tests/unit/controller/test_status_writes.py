"""A variable's status is written over the version that a run saw: what that costs, and who may write besides."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.controller.waiting import Waiting
from runtimeenv.core.identity import Ref
from runtimeenv.core.values import Plaintext
from runtimeenv.errors import Rejected, Unavailable
from tests.builders import namespace, runtime_env
from tests.unit.controller.world import World, at, sealed

pytestmark = pytest.mark.virtual_time

ENV = "acme/renv.sandbox"
ACME = (namespace("acme", "acme"), runtime_env(ENV))
X = Ref("acme", "x")


async def test_the_echo_of_its_own_status_is_no_reason_to_look_again() -> None:
    async with World(*ACME) as world:
        world.cluster.faults.fail(Rejected(403, "create secrets"), kind="secrets", verb="create", times=9)
        world.cluster.calls.clear()
        await world.apply(sealed("acme/x", "v"))
        assert world.reason("acme/x") == "WriteRefused"
        assert len([call for call in world.calls("create") if call[0] == "secrets"]) == 1


async def test_a_status_that_another_hand_wrote_is_put_right() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        right = world.status("acme/x")
        forgeries: tuple[dict[str, Any], ...] = ({"preview": "sk-forged", "id": None}, {"conditions": []})
        for forged in forgeries:
            world.cluster.store.patch(RUNTIME_ENV_VARS, X, {"status": forged}, "status")
            await world.settle()
            found = world.status("acme/x")
            assert {**found, "conditions": [], "preview": ""} == {**right, "conditions": [], "preview": ""}
            assert world.reason("acme/x") == "Materialized"


async def test_a_label_set_before_anybody_told_of_it_stays_and_the_status_is_written_all_the_same() -> None:
    async with World(*ACME) as world:
        world.failing[ENV] = Unavailable(503, "away")
        world.cluster.apply(variable := sealed("acme/x", "v"))
        await world.settle(0.5)
        with world.cluster.faults.events_delayed():
            world.cluster.apply({**variable, "metadata": {**variable["metadata"], "labels": {"a": "b"}}})
            await world.settle(7)
            assert world.reason("acme/x") == "Propagating"
        assert world.cluster.read(RUNTIME_ENV_VARS, at("acme/x"))["metadata"]["labels"] == {"a": "b"}


async def test_the_preview_is_kept_of_one_value_alone_and_until_it_is_held() -> None:
    waiting = Waiting()
    waiting.keep(X, "noon", Plaintext.parse("sk-ant-0123456789-abcdefghij"))
    waiting.keep(X, "noon", None)
    assert waiting.preview(X, "noon") == "sk-ant...ghij"
    assert waiting.preview(X, "later") is None
    waiting.end(X)
    assert waiting.preview(X, "noon") is None
