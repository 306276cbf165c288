"""The chart's values as its README tells them: each with its default, and the comment above it in values.yaml."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts/runtime-env"
COMPONENTS = ("controller", "webhook", "api")
OF_PARENTS = {"enabled"}  # what a chart that has this one as a part may say of it
START, END = "<!-- Values, from values.yaml by `make generate` -->\n", "<!-- end -->\n"


class Undocumented(Exception):
    """A value without a comment, or one that only the schema or only values.yaml knows; the message names it."""


@dataclass(frozen=True)
class Value:
    """One value: its dotted path, its default, and what it is for."""

    path: str
    default: Any
    told: str

    @property
    def component(self) -> str:
        first = self.path.partition(".")[0]
        return first if first in COMPONENTS else ""


def documented(chart: Path = CHART) -> list[Value]:
    """Every value of the chart, in the order of values.yaml. Raises Undocumented."""
    text = (chart / "values.yaml").read_text()
    schema = json.loads((chart / "values.schema.json").read_text())
    found = list(_Reader(text.splitlines(), schema).leaves(yaml.compose(text, yaml.SafeLoader), schema, ""))
    told = {value.path: value.told for value in found}
    return [Value(value.path, value.default, _told(value, told)) for value in found]


def _told(value: Value, told: dict[str, str]) -> str:
    """Its own comment; what all components have is told once, at the controller."""
    text = value.told or (told.get(f"controller.{value.path.partition('.')[2]}", "") if value.component else "")
    if not text:
        raise Undocumented(f"values.yaml: no comment above {value.path}")
    return text


@dataclass(frozen=True)
class _Reader:
    lines: list[str]
    root: dict[str, Any]

    def leaves(self, node: Any, schema: dict[str, Any], prefix: str) -> Iterator[Value]:
        """What is below a mapping of values, as far down as the schema names the keys, and not Kubernetes."""
        keys = {key.value for key, _ in node.value}
        if strangers := keys ^ (set(schema["properties"]) - (set() if prefix else OF_PARENTS)):
            raise Undocumented(f"in values.yaml or in values.schema.json alone: {prefix}{', '.join(sorted(strangers))}")
        for key, value in node.value:
            path, below = f"{prefix}{key.value}", self._resolved(schema["properties"][key.value])
            if "properties" in below and value.value:
                yield from self.leaves(value, below, f"{path}.")
            else:
                yield Value(path, yaml.safe_load(yaml.serialize(value)), self._above(key.start_mark))

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema that a reference to another value leads to; a definition is a type of Kubernetes, and stays."""
        parts = schema.get("$ref", "#/definitions").split("/")[1:]
        if parts[0] == "definitions":
            return schema
        found = self.root
        for part in parts:
            found = found[part]
        return self._resolved(found)

    def _above(self, mark: Any) -> str:
        comment = re.compile(rf" {{{mark.column}}}# ?(.*)")
        above = takewhile(bool, (comment.fullmatch(line) for line in reversed(self.lines[: mark.line])))
        return " ".join(found[1] for found in reversed([found for found in above if found]))


def table(values: list[Value]) -> str:
    """Markdown: what concerns all, then a table for each component."""
    parts = []
    for component, rows in groupby(values, lambda value: value.component):
        lines = [f"| `{v.path}` | `{json.dumps(v.default)}` | {v.told.replace('|', '&#124;')} |" for v in rows]
        title = {"": "Common", "controller": "Controller", "webhook": "Webhook", "api": "REST API"}[component]
        head = f"\n### {title}\n\n| value | default | |\n|---|---|---|\n"
        parts.append(head + "\n".join(lines) + "\n")
    return "".join(parts) + "\n"


def readme(chart: Path = CHART) -> tuple[Path, str]:
    """The chart's README with the table of values as it ought to be."""
    path = chart / "README.md"
    before, _, rest = path.read_text().partition(START)
    return path, f"{before}{START}{table(documented(chart))}{END}{rest.partition(END)[2]}"
