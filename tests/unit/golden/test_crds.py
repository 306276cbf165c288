"""The kinds as they were released: a later definition takes all that these took, and means the same by it.

A failure here means that an upgrade would refuse objects that users have, or change what they mean. Widen the schema
instead, or add a version of the API.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from runtimeenv.core.crd import ENVIRONMENT, KINDS, VARIABLE, Kind, crd
from tests.unit.golden.narrowing import narrowings

Definition = dict[str, Any]
Change = Callable[[Definition], Any]


def released(kind: Kind) -> Definition:
    """A kind's CRD in the last release."""
    found: Definition = yaml.safe_load(Path(__file__).with_name(f"{kind.plural}.yaml").read_text(encoding="utf-8"))
    return found


def spec(definition: Definition) -> Definition:
    """The schema of `spec`."""
    found: Definition = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def status(definition: Definition) -> Definition:
    """The schema of `status`."""
    found: Definition = version(definition)["schema"]["openAPIV3Schema"]["properties"]["status"]
    return found


def field(definition: Definition, name: str) -> Definition:
    found: Definition = spec(definition)["properties"][name]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_the_kinds_take_all_that_they_took_when_released(kind: Kind) -> None:
    assert narrowings(released(kind), crd(kind)) == []


def version(definition: Definition) -> Definition:
    found: Definition = definition["spec"]["versions"][0]
    return found


def key(definition: Definition) -> Definition:
    """The schema of `spec.valueFrom.secretKeyRef.key`."""
    found: Definition = field(definition, "valueFrom")["properties"]["secretKeyRef"]["properties"]["key"]
    return found


def observed(definition: Definition) -> Definition:
    """The schema of `status.observedGeneration`."""
    found: Definition = status(definition)["properties"]["observedGeneration"]
    return found


RULE: Final = {"rule": "self.scope != 'tenant'", "message": "no"}

NARROWER: Final[dict[str, Change]] = {
    "v1.spec.enabled: is gone": lambda d: spec(d)["properties"].pop("enabled"),
    "v1.spec.enabled: type was boolean, is string": lambda d: field(d, "enabled").update(type="string"),
    "v1.spec: target is required now": lambda d: spec(d)["required"].append("target"),
    "v1.spec.name: maxLength was 128, is 64": lambda d: field(d, "name").update(maxLength=64),
    "v1.spec.target: maxLength was None, is 7": lambda d: field(d, "target").update(maxLength=7),
    "v1.spec.name: minLength was None, is 2": lambda d: field(d, "name").update(minLength=2),
    "v1.spec.name: pattern was None, is ^[A-Z]+$": lambda d: field(d, "name").update(pattern="^[A-Z]+$"),
    "v1.spec.scope: enum allows less": lambda d: field(d, "scope")["enum"].remove("project"),
    "v1.spec.name: enum allows less": lambda d: field(d, "name").update(enum=["TOKEN"]),
    "v1.spec: new rule self.scope != 'tenant'": lambda d: spec(d)["x-kubernetes-validations"].append(RULE),
    "v1.spec.target: default was all, is sandbox": lambda d: field(d, "target").update(default="sandbox"),
    "v1.spec.name: default was None, is NAME": lambda d: field(d, "name").update(default="NAME"),
    "v1.spec.valueFrom: default was None, is {}": lambda d: field(d, "valueFrom").update(default={}),
    "v1.status.id: default was None, is env_": lambda d: status(d)["properties"]["id"].update(default="env_"),
    "v1.status.observedGeneration: minimum was 0, is 1": lambda d: observed(d).update(minimum=1),
    "v1.spec.metadata: x-kubernetes-preserve-unknown-fields was True, is None": lambda d: field(d, "metadata").pop(
        "x-kubernetes-preserve-unknown-fields"
    ),
    "v1.spec.value: x-kubernetes-int-or-string was True, is None": lambda d: field(d, "value").pop(
        "x-kubernetes-int-or-string"
    ),
    "v1.spec.valueFrom.secretKeyRef.key: maxLength was 253, is 99": lambda d: key(d).update(maxLength=99),
    "v1.spec: not was None, is {}": lambda d: spec(d).update({"not": {}}),
    "v1: served no more": lambda d: version(d).update(served=False),
    "v1.selectableFields: .spec.name is gone": lambda d: version(d)["selectableFields"].remove(
        {"jsonPath": ".spec.name"}
    ),
    "v1.subresources: status is gone": lambda d: version(d).pop("subresources"),
    "names.shortNames: rvar is gone": lambda d: d["spec"]["names"].update(shortNames=[]),
    "scope: changed": lambda d: d["spec"].update(scope="Cluster"),
}

WIDER: Final[dict[str, Change]] = {
    "a new optional field": lambda d: spec(d)["properties"].update(note={"type": "string"}),
    "a longer text": lambda d: field(d, "name").update(maxLength=256),
    "a text of any length": lambda d: field(d, "name").pop("maxLength"),
    "a shorter text": lambda d: key(d).update(minLength=0),
    "a further choice": lambda d: field(d, "target")["enum"].append("notebook"),
    "any choice": lambda d: field(d, "target").pop("enum"),
    "a field that may be left out": lambda d: spec(d)["required"].remove("name"),
    "a rule less": lambda d: spec(d)["x-kubernetes-validations"].pop(),
    "another message of a rule": lambda d: spec(d)["x-kubernetes-validations"][0].update(message="else"),
    "another description": lambda d: field(d, "name").update(description="else"),
    "unknown fields kept": lambda d: spec(d).update({"x-kubernetes-preserve-unknown-fields": True}),
    "a status for what has none": lambda d: status(d).update(default={"observedGeneration": -1}),
    "a lower number": lambda d: observed(d).update(minimum=-1),
    "a further version": lambda d: d["spec"]["versions"].append({**version(d), "name": "v2", "storage": False}),
    "a further column": lambda d: version(d)["additionalPrinterColumns"].append({}),
}


def changed(change: Change) -> list[str]:
    """What is narrower in a variable's definition after this change."""
    definition = copy.deepcopy(released(VARIABLE))
    change(definition)
    return narrowings(released(VARIABLE), definition)


@pytest.mark.parametrize(("says", "change"), NARROWER.items(), ids=NARROWER)
def test_a_narrowing_is_found(says: str, change: Change) -> None:
    assert changed(change) == [says]


@pytest.mark.parametrize("change", WIDER.values(), ids=WIDER)
def test_a_widening_is_none(change: Change) -> None:
    assert changed(change) == []


def test_a_status_that_readers_know_stays() -> None:
    definition = released(ENVIRONMENT)
    del status(definition)["properties"]["variables"]["items"]["properties"]["source"]
    found = narrowings(released(ENVIRONMENT), definition)
    assert found == ["v1.status.variables[].source: is gone"]
