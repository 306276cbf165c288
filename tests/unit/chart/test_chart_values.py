"""The chart's README tells every value; a value that nobody explained is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chart_values import COMPONENTS, END, START, Undocumented, documented, readme, table


def chart(folder: Path, values: str, **properties: Any) -> Path:
    schema = {
        "definitions": {"resources": {"type": "object", "properties": {"requests": {}}}},
        "properties": properties,
    }
    (folder / "values.yaml").write_text(values)
    (folder / "values.schema.json").write_text(json.dumps(schema))
    (folder / "README.md").write_text(f"# A chart\n{START}old\n{END}after\n")
    return folder


def test_the_committed_readme_is_up_to_date() -> None:
    path, text = readme()
    assert path.read_text() == text


def test_every_component_has_the_values_of_the_controller() -> None:
    paths = {component: set[str]() for component in COMPONENTS}
    for value in documented():
        if value.component:
            paths[value.component].add(value.path.partition(".")[2])
    assert paths["controller"] <= paths["webhook"] & paths["api"]


def test_a_comment_of_several_lines_belongs_to_the_value_below_it(tmp_path: Path) -> None:
    folder = chart(tmp_path, "# Of the file.\n\n# First,\n# and second.\nage: 3\n", age={"type": "integer"})
    assert [(v.path, v.default, v.told) for v in documented(folder)] == [("age", 3, "First, and second.")]


def test_a_value_without_a_comment_is_named(tmp_path: Path) -> None:
    folder = chart(tmp_path, "# Told.\nage: 3\nname: x\n", age={}, name={})
    with pytest.raises(Undocumented, match="no comment above name"):
        documented(folder)


def test_a_nested_value_is_not_explained_by_its_parents_comment(tmp_path: Path) -> None:
    folder = chart(tmp_path, "# Told.\nimage:\n  tag: x\n", image={"properties": {"tag": {}}})
    with pytest.raises(Undocumented, match=r"no comment above image\.tag"):
        documented(folder)


def test_what_all_components_have_is_told_once(tmp_path: Path) -> None:
    values = "controller:\n  # How many.\n  replicas: 1\napi:\n  replicas: 2\n"
    component = {"properties": {"replicas": {"type": "integer"}}}
    folder = chart(tmp_path, values, controller=component, api=component)
    assert [(v.path, v.told) for v in documented(folder)] == [
        ("controller.replicas", "How many."),
        ("api.replicas", "How many."),
    ]


def test_a_type_of_kubernetes_is_one_value(tmp_path: Path) -> None:
    resources = {"$ref": "#/definitions/resources"}
    folder = chart(tmp_path, "# What it may use.\nresources:\n  requests: {cpu: 1}\n", resources=resources)
    assert [(v.path, v.default) for v in documented(folder)] == [("resources", {"requests": {"cpu": 1}})]


@pytest.mark.parametrize("only", [{"age": {}, "name": {}}, {}], ids=["the schema", "values.yaml"])
def test_a_value_that_one_file_alone_knows_is_named(tmp_path: Path, only: dict[str, Any]) -> None:
    with pytest.raises(Undocumented, match="name" if only else "age"):
        documented(chart(tmp_path, "# Told.\nage: 3\n", **only))


def test_the_table_stands_between_its_marks(tmp_path: Path) -> None:
    folder = chart(tmp_path, "# This | that.\nage: 3\n", age={})
    _, text = readme(folder)
    assert text == f"# A chart\n{START}{table(documented(folder))}{END}after\n"
    assert "| `age` | `3` | This &#124; that. |" in text
