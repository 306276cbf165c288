"""The values that the chart's README prints do what it says of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.chart_values import CHART
from tests.kube import chart

BLOCKS = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```yaml\n(.*?)```", (CHART / "README.md").read_text(), re.M | re.S)


def pods(section: str) -> list[Any]:
    """The pods of controller and webhook with the values printed in a section."""
    objects = chart.rendered(yaml.safe_load(dict(BLOCKS)[section]))
    return [deployment["spec"]["template"]["spec"] for deployment in chart.of_kind(objects, "Deployment")]


@pytest.mark.parametrize("section", dict(BLOCKS))
def test_the_printed_values_are_values_of_the_chart(section: str) -> None:
    assert pods(section)


def test_without_the_internet_all_is_pulled_from_the_named_registry() -> None:
    for pod in pods("Without the internet"):
        assert pod["containers"][0]["image"].startswith("registry.example:5000/mirror/runtime-env@sha256:")
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
