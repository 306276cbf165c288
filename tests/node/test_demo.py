"""The demo tells the truth: each of its commands works, and containers have what it says they have."""

from __future__ import annotations

import re

import pytest

from tests.demo import ground
from tests.demo.narrator import Narrator
from tests.demo.story import Story
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import OperatorPods, forwarded

MODEL = re.compile(r"^    (?:MODEL=)?(claude-small|claude-large|none)$", re.MULTILINE)


def test_the_story_is_told_to_its_end(
    node: Cluster,
    operator_pods: OperatorPods,  # noqa: ARG001 - it must run
    capsys: pytest.CaptureFixture[str],
) -> None:
    ground.clear(node)
    narrator = Narrator(ground.REPOSITORY, ground.commands(node))
    with forwarded(node, 8000) as api:
        Story(narrator, api, pods_run=True, etcd=str(node.folder / "etcd") if node.etcd_files() else "").whole()
    ground.clear(node)
    told = capsys.readouterr().out
    # Sandbox, computer, agent; the rotated sandbox; the agent without the project's, and as it was then; the computer
    # without any.
    assert MODEL.findall(told) == [*("claude-small",) * 2, "claude-large", *("claude-small",) * 3, "none"]
    [posted] = re.findall(r'"value": "(search-demo-\w+)"', told)
    assert f"    SEARCH_API_KEY={posted}" in told.splitlines()
    assert told.count(posted) == 2, "the API told a value"
    assert len(set(re.findall(r"ANTHROPIC_API_KEY=(\S+)", told))) == 2
    searches = 2 if node.etcd_files() else 0
    assert told.count("not found") == 2 * searches, "each in words and in its output"
