"""The metrics that docs/operations.md lists are those of the running processes, and the alerts speak of no other."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.api_client import Client
from tests.cluster.homes import Home
from tests.cluster.writes import create
from tests.documents import REPOSITORY
from tests.kube import build
from tests.kube.cluster import wait
from tests.kube.operator import Operator

ROW = re.compile(r"^\| `(runtime_env_\w+)` \| ([a-z, ]+) \|([a-z_, ]*)\|", re.MULTILINE)
PROCESSES = ("controller", "webhook", "api")
ALERTS = REPOSITORY / "deploy/monitoring/alerts.yaml"
OF_EVERY_PROCESS = ("process_", "python_")  # prometheus_client's own, and documented there
ONLY_WITH_TLS = {("api", "runtime_env_certificate_expiry_timestamp_seconds")}


def told() -> dict[tuple[str, str], set[str]]:
    """The document's table: the labels of each metric of each process."""
    rows = ROW.findall((REPOSITORY / "docs/operations.md").read_text())
    found: dict[tuple[str, str], set[str]] = {}
    for name, processes, labels in rows:
        for process in PROCESSES if processes == "all" else processes.split(", "):
            found[process, name] = set(filter(None, labels.strip().split(", ")))
    return found


def scraped(operator: Operator) -> dict[tuple[str, str], set[str]]:
    """The same, as the processes tell it; a metric without samples has no labels."""
    found: dict[tuple[str, str], set[str]] = {}
    for process in PROCESSES:
        with urllib.request.urlopen(f"http://127.0.0.1:{operator.launches[process].probe_port}/metrics") as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            if not name.startswith(OF_EVERY_PROCESS):
                found[process, name] = {label for s in family.samples for label in s.labels} - {"le"}
    return found


@pytest.fixture
def busy(home: Home) -> Operator:
    """The operator after a variable, a failed run, a pod and a request: every metric has samples."""
    home.apply(home.variable(value="x"), home.environment())
    home.ready("greeting")
    Client(home.operator.launches["api"].api_port).get()
    create(home.cluster, home.variable("other", value="x"))
    return home.operator


def test_the_table_is_what_the_processes_tell(busy: Operator) -> None:
    expected = {key: labels for key, labels in told().items() if key not in ONLY_WITH_TLS}
    silent_without_failures = ("controller", "runtime_env_reconcile_errors_total")

    def same() -> bool:
        found = scraped(busy)
        found[silent_without_failures] = found[silent_without_failures] or expected[silent_without_failures]
        assert found == expected
        return True

    wait(same, "both to be the same", timeout=10)


def test_alerts_and_table_are_of_the_same_metrics() -> None:
    names = {name for _, name in told()}
    for alert in alerts():
        assert set(re.findall(r"runtime_env_\w+?(?=_bucket\b|[^\w]|$)", alert["expr"])) <= names, alert["alert"]
        labels = set(re.findall(r"\$labels\.(\w+)", str(alert["annotations"])))
        assert labels <= {label for (_, name), found in told().items() if name in alert["expr"] for label in found}


def test_prometheus_itself_reads_the_alerts() -> None:
    assert read_by_prometheus(ALERTS) == ""


def test_a_rule_that_prometheus_would_not_load_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "alerts.yaml"
    broken.write_text(ALERTS.read_text().replace("runtime_env_ready == 0", "runtime_env_ready = 0"))
    assert "could not parse expression" in read_by_prometheus(broken)


def read_by_prometheus(rules: Path) -> str:
    """What its own parser has against a rule file."""
    program = build.binaries(["rules"], print) / "rules"
    return subprocess.run([program, rules], capture_output=True, text=True, check=False).stderr


def test_every_alert_is_explained_in_the_document() -> None:
    document = (REPOSITORY / "docs/operations.md").read_text()
    assert [alert["alert"] for alert in alerts() if f"`{alert['alert']}`" not in document] == []


def alerts() -> list[Mapping[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[Mapping[str, Any]] = group["rules"]
    return rules
