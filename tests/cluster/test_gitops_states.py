"""What Argo CD, Flux and Helm take our objects for, by their own libraries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from runtimeenv.core import conditions
from tests import builders
from tests.builders import Manifest
from tests.cluster.homes import Home
from tests.documents import REPOSITORY
from tests.kube import gitops

SETTINGS = REPOSITORY / "deploy/examples/gitops/argocd/argocd-cm.yaml"
NOWHERE = {"secretKeyRef": {"name": "nowhere", "key": "k"}}
OUTCOMES = {
    "Ready": ("Current", "Healthy"),
    "Reconciling": ("InProgress", "Progressing"),
    "Stalled": ("Failed", "Degraded"),
}


@pytest.fixture(scope="module", params=["RuntimeEnvVar", "RuntimeEnv"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def script(kind: str, tmp_path: Path) -> Path:
    return health_script(kind, tmp_path)


def health_script(kind: str, folder: Path) -> Path:
    """The Lua of the example's settings for a kind, in a file."""
    data = yaml.safe_load(SETTINGS.read_text())["data"]
    path = folder / f"{kind}.lua"
    path.write_text(data[f"resource.customizations.health.runtime.miosa.ai_{kind}"])
    return path


@pytest.mark.parametrize("reason", get_args(conditions.Reason))
def test_every_reason_is_told_as_what_it_is(kind: str, reason: conditions.Reason, script: Path) -> None:
    made = conditions.conditions(reason, "because", 3, datetime.now(UTC))
    status = {"observedGeneration": 3, "conditions": [c.model_dump(by_alias=True, exclude_none=True) for c in made]}
    found = {
        "apiVersion": "runtime.miosa.ai/v1",
        "kind": kind,
        "metadata": {"name": "x", "generation": 3},
        "status": status,
    }
    health, message = gitops.health(found, script)
    assert (gitops.kstatus(found), health) == OUTCOMES[conditions.state_of(reason)]
    assert reason in message or message == "because"


@pytest.fixture
def greeted(home: Home) -> Home:
    """A home with a variable in each state that a user can bring about."""
    rival = builders.variable(f"{home.namespace}/rival-z", "GREETING", value="later")
    disabled, missing = home.variable("off", value="x", enabled=False), home.variable("lost", valueFrom=NOWHERE)
    home.apply(home.environment(), home.variable(value="hello"), disabled, missing)
    home.ready("greeting")
    home.apply(rival)
    return home


STATES = {
    "rvar/greeting": ("Materialized", "Current", "Healthy"),
    "rvar/off": ("Disabled", "Current", "Healthy"),
    "rvar/lost": ("SourceMissing", "Failed", "Degraded"),
    "rvar/rival-z": ("Conflict", "Failed", "Degraded"),
    "renv/renv.sandbox": ("Materialized", "Current", "Healthy"),
}


def test_what_the_controller_wrote_is_told_as_what_it_is(greeted: Home, tmp_path: Path) -> None:
    for thing, (reason, status, health) in STATES.items():
        greeted.until(thing, reason)
        assert told(greeted.get(thing), tmp_path) == (status, health), thing


def test_what_nobody_has_seen_yet_is_under_way(greeted: Home, tmp_path: Path) -> None:
    new = [greeted.variable("new", value="x"), greeted.environment("agent")]
    changed = greeted.variable(value="hello", target="all", metadata={"owner": "me"})
    greeted.until("rvar/greeting", "Materialized")
    for found in dry(greeted, *new, changed):
        assert told(found, tmp_path) == ("InProgress", "Progressing"), found["metadata"]["name"]


def dry(home: Home, *manifests: Manifest) -> list[Any]:
    """The objects as the API server would store them, before any controller has seen them."""
    options = ("apply", "--dry-run=server", "-o", "json", "-f", "-")
    return [json.loads(home.cluster.kubectl(*options, input=json.dumps(manifest)).out) for manifest in manifests]


def told(found: Any, folder: Path) -> tuple[str, str]:
    return gitops.kstatus(found), gitops.health(found, health_script(found["kind"], folder))[0]
