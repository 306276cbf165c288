"""What a write sends, as pure functions of what was read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from runtimeenv.api.claimants import LIVE, Live
from runtimeenv.api.edits import Edit, changing, overwriting, own_ref
from runtimeenv.core import names
from tests.builders import variable
from tests.patching import applied
from tests.unit.api.replicas import identity


def read(annotations: dict[str, str] | None = None, **spec: Any) -> tuple[Live, dict[str, Any]]:
    """A stored variable, as a write reads it and as it stands."""
    manifest = variable("acme/x", sealed="renv1.old", **spec)
    manifest["metadata"] |= {"uid": "u1", "resourceVersion": "7", "generation": 3}
    if annotations is not None:
        manifest["metadata"]["annotations"] = annotations
    return LIVE.decode(msgspec.json.encode(manifest)), manifest


@pytest.mark.parametrize(
    ("stored", "given"), [({"a": 1}, {"a": True}), ({"a": 1}, {"a": 1.0}), ({"a": {}}, {"a": []}), ({}, {"a": None})]
)
def test_notes_that_look_alike_are_written(stored: dict[str, Any], given: dict[str, Any]) -> None:
    live, manifest = read(metadata=stored)
    after = applied(manifest, changing(live, Edit(None, None, given), "key"))
    assert msgspec.json.encode(after["spec"]["metadata"]) == msgspec.json.encode(given)


def test_notes_nested_as_deeply_as_can_be_are_written_over() -> None:
    live, manifest = read()
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"a": deep}
    deep_live = replace(live, spec=replace(live.spec, metadata=deep))
    assert applied(manifest, changing(deep_live, Edit(None, None, {}), "key"))["spec"]["metadata"] == {}


def test_the_order_of_notes_is_no_change() -> None:
    live, _ = read(metadata={"a": 1, "b": {"c": 1, "d": 2}})
    assert changing(live, Edit(None, None, {"b": {"d": 2, "c": 1}, "a": 1}), "key") == []


def test_what_stands_already_is_no_change() -> None:
    live, _ = read()
    assert changing(live, Edit(None, True, {}), "key") == []


def test_a_change_holds_for_the_state_that_was_read_and_tells_the_key() -> None:
    live, manifest = read({"theirs": "1"})
    after = applied(manifest, changing(live, Edit(None, False, None), "key"))
    assert after["metadata"]["resourceVersion"] == "7"
    assert after["metadata"]["annotations"] == {"theirs": "1", names.API_KEY_ANNOTATION: "key"}
    assert after["spec"] == {**manifest["spec"], "enabled": False}


def test_overwriting_sets_every_field_and_holds_for_the_object_alone() -> None:
    live, manifest = read({"theirs": "1"}, enabled=False, metadata={"a": 1})
    ops = overwriting(live, Edit("renv1.new", True, {}), "key")
    after = applied(manifest, ops)
    assert after["spec"] == {**manifest["spec"], "sealedValue": "renv1.new", "enabled": True, "metadata": {}}
    assert {op["path"] for op in ops} >= {"/metadata/uid"}
    assert "/metadata/resourceVersion" not in {op["path"] for op in ops}


def test_the_first_annotation_sweeps_away_none_that_comes_meanwhile() -> None:
    live, _ = read()
    locks = [op["value"] for op in overwriting(live, Edit(None, True, {}), "key") if "Version" in op["path"]]
    assert locks == [live.metadata.resource_version]


def test_names_of_new_objects_are_dns_labels() -> None:
    assert own_ref("home", identity()).name.replace("-", "").isalnum()
    assert own_ref("home", identity()).name == identity().id.replace("_", "-")
