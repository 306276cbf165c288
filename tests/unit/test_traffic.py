"""Steady traffic: what its client sends, and how it is counted."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.node.traffic import spells, tally
from tests.node.traffic_client import Lacking, Refused, steadily


def line(kind: str, took: float, refused: str = "", lacking: str = "") -> str:
    return json.dumps({"at": 0, "kind": kind, "took": took, "refused": refused, "lacking": lacking}) + "\n"


def test_refusals_and_what_is_lacking_are_faults_of_their_kind() -> None:
    counted = tally(line("pods", 0.1) + line("pods", 3, "no") + line("agents", 1, lacking="env") + line("pods", 2)[:9])
    pods, agents = counted["pods"], counted["agents"]
    assert (pods.attempts, pods.faults, pods.longest) == (2, ["no"], 3)
    assert (agents.attempts, agents.faults, agents.longest) == (1, ["env"], 1)


def test_refusals_that_follow_each_other_are_one_spell() -> None:
    assert spells([10, 11.5, 10.5, 20, 30, 32]) == [1.5, 0, 2]


@pytest.mark.virtual_time
async def test_slow_answers_keep_nothing_from_being_sent(capsys: pytest.CaptureFixture[str]) -> None:
    loop, sent = asyncio.get_running_loop(), []

    async def send(number: int) -> None:
        sent.append(loop.time())
        await asyncio.sleep(5)
        if number:
            raise Refused("no") if number == 1 else Lacking("env")

    async with asyncio.TaskGroup() as group:
        began = loop.time()
        steady = group.create_task(steadily("pods", 2, send, group))
        await asyncio.sleep(1.25)
        steady.cancel()
    assert sent == pytest.approx([began, began + 0.5, began + 1])
    counted = tally(capsys.readouterr().out)["pods"]
    assert (counted.refused, counted.lacking) == (["no"], ["env"])
    assert counted.longest == pytest.approx(5)
