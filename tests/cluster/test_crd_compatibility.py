"""The kinds as released, and as they are today, on a real API server: an upgrade, and a way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from runtimeenv.core.crd import KINDS, crd
from tests import builders
from tests.cluster.writes import SEALED
from tests.kube import chart
from tests.kube.cluster import Cluster, Completed, wait

GOLDEN: Final = Path(__file__).parents[1] / "unit/golden"
FROM_SECRET: Final = {"secretKeyRef": {"name": "keys", "key": "a.b"}}
NOTES: Final = {"owner": "team", "nested": {"list": [1, True, None]}}

# Each at a limit of what the released schema takes.
TAKEN: Final = [
    builders.variable("default/tenant", "A" * 128, SEALED, target="agent", enabled=False, metadata=NOTES),
    builders.variable("default/workspace", "W", scope="workspace", workspaceId="w" * 63, valueFrom=FROM_SECRET),
    builders.variable("default/project", "_", SEALED, scope="project", projectId="p"),
    builders.variable("default/compared", "B", f"{SEALED}.01234567.QUJD"),
    builders.variable("default/long", "C", SEALED + "A" * (49152 - len(SEALED))),
    builders.runtime_env("default/any", "computer", workspaceId="Ws_1", projectId="a.b-c"),
]


def test_what_a_release_took_is_taken_under_todays_kinds_and_after_going_back(untended: Cluster) -> None:
    released: list[dict[str, Any]] = [yaml.safe_load((GOLDEN / f"{k.plural}.yaml").read_text()) for k in KINDS]
    current = [crd(kind) for kind in KINDS]
    chart.apply(untended, released)
    wait(lambda: untended.apply(TAKEN), "both kinds to be served")
    for turn, definitions in enumerate([current, released]):
        chart.apply(untended, definitions)
        assert ends(untended.apply([noted(manifest, turn) for manifest in TAKEN])) == ["configured"] * len(TAKEN)
        # Of what is stored, only what a write changes is held to the schema: so they are made anew, too.
        untended.kubectl("delete", "rvar,renv", "--all", "--namespace=default")
        assert ends(untended.apply(TAKEN)) == ["created"] * len(TAKEN)


def noted(manifest: builders.Manifest, turn: int) -> builders.Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": {"turn": str(turn)}}}


def ends(done: Completed) -> list[str]:
    """What kubectl says that it did to each object."""
    return [line.split()[-1] for line in done.out.splitlines()]
