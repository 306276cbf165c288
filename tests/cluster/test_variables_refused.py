"""Bad input, as users meet it: one sentence that names the field and the mend, and never the value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Layer, Tenant, Workspace
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import SealingKey, seal
from tests import builders
from tests.builders import Manifest
from tests.cluster import homes
from tests.cluster.homes import Home
from tests.cluster.writes import create
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import wait
from tests.kube.operator import Operator
from tests.leaks import Canaries

FROM = {"secretKeyRef": {"name": "keys", "key": "token"}}
CANARIES = Canaries()


@pytest.fixture(scope="module")
def scene(operator: Operator) -> Iterator[Home]:
    """One tenant for all; whatever is said of it in the end holds no value."""
    with homes.new(operator) as home:
        yield home
        told = home.kubectl("get", "rvar,renv,events", "-o", "yaml", "--show-managed-fields").out
        assert CANARIES.doors(told.encode()) == []
        assert CANARIES.in_files(operator.logs()) == {}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"value": 33000}, "spec.value: is not text: put it in quotes"),
        ({"value": True}, "spec.value: is not text: put it in quotes"),
        ({"value": ["canary"]}, "spec.value: is not text"),
        ({"value": "canary\0"}, "spec.value: contains NUL, which no environment variable can hold"),
        ({"value": "canary" * 2000}, "spec.value: is over 32768 bytes: mount large values as a file instead"),
        ({"value": "canary", "name": "lower"}, "spec.name: must be upper-case letters, digits and '_'"),
        ({"value": "canary", "name": "8_FIRST"}, "spec.name: must be upper-case letters"),
        (
            {"value": "canary", "name": "LD_PRELOAD"},
            "spec.name: is reserved, since programs run code from it: choose another name",
        ),
        ({"value": "canary", "scope": "workspace"}, "spec.workspaceId: required when scope is workspace"),
        ({"value": "canary", "scope": "workspace", "workspaceId": "-x"}, "spec.workspaceId: must be 1 to 63 letters"),
        ({"value": "canary", "scope": "workspace", "workspaceId": "x" * 64}, "spec.workspaceId: must be 1 to 63"),
        ({"value": "canary", "projectId": "blog"}, "spec.projectId: remove it: it belongs to scope project only"),
        ({"value": "canary", "valueFrom": FROM}, "keep one of value, sealedValue, valueFrom"),
        ({}, "spec: Required value: give a source: value, sealedValue or valueFrom"),
        ({"value": "canary", "scope": "planet"}, "spec.scope: use one of tenant, workspace, project"),
        ({"value": "canary", "target": "fridge"}, "spec.target: use one of all, sandbox, computer, agent"),
        ({"sealedValue": "canary"}, "spec.sealedValue"),
        ({"sealedValue": {"map": "canary"}}, "spec.sealedValue"),
        ({"sealedValue": 8080}, "spec.sealedValue"),
        ({"valueFrom": {"secretKeyRef": {"name": "keys"}}}, "spec.valueFrom.secretKeyRef.key: Required value"),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", [("create",), ("apply", "--server-side")], ids=["create", "server-side"])
def test_a_bad_write_is_refused_with_the_mend_and_no_echo(
    scene: Home, spec: dict[str, Any], says: str, way: tuple[str, ...]
) -> None:
    canary = CANARIES.through("refused")
    manifest = _filled(builders.variable(f"{scene.namespace}/refused", **({"name": "TOKEN"} | spec)), canary)
    done = scene.kubectl(*way, "-f", "-", input=json.dumps(manifest), check=False)
    assert done.code != 0, "it was accepted"
    assert says in done.err
    assert CANARIES.doors((done.out + done.err).encode()) == []


@pytest.mark.parametrize("way", [("create",), ("apply",), ("apply", "--server-side")], ids=" ".join)
def test_a_null_value_is_no_value(scene: Home, way: tuple[str, ...]) -> None:
    done = scene.kubectl(*way, "-f", "-", input=json.dumps(scene.variable("none", value=None)), check=False)
    assert done.code != 0
    assert "spec.value: is not text" in done.err or "spec: Required value: give a source" in done.err


def _filled(found: Any, canary: str) -> Any:
    """The same with the word canary replaced by a real one."""
    if isinstance(found, dict):
        return {key: _filled(item, canary) for key, item in found.items()}
    return found.replace("canary", canary) if isinstance(found, str) else found


@pytest.mark.parametrize("field", ["name", "scope", "target"])
def test_an_identity_does_not_change(scene: Home, field: str) -> None:
    other = {"name": "OTHER", "scope": "workspace", "target": "agent"}[field]
    scene.apply(scene.variable("identity", value="x"))
    changed = scene.variable("identity", value=CANARIES.through("identity"))
    changed["spec"] |= {field: other} | ({"workspaceId": "ws"} if field == "scope" else {})
    done = scene.cluster.apply(changed, check=False)
    assert done.code != 0
    assert f"spec.{field}: Forbidden: {field} never changes: make another object, then delete this one" in done.err, (
        done.err
    )
    assert CANARIES.doors((done.out + done.err).encode()) == []


def test_a_namespace_that_is_not_enrolled_takes_no_variable(scene: Home) -> None:
    done = create(scene.cluster, builders.variable("default/x", value=CANARIES.through("stranger")))
    assert "namespace default is not enrolled" in done.err
    assert CANARIES.doors(done.err.encode()) == []


@dataclass(frozen=True)
class Sealer:
    """Seals the canary for this tenant's variable BROKEN, with the cluster's own key unless told otherwise."""

    tenant: str
    key: SealingKey

    def text(self, name: str = "BROKEN", tenant: str = "", workspace: str = "", key: SealingKey | None = None) -> str:
        of = tenant or self.tenant
        scope = Workspace(of, workspace) if workspace else Tenant(of)
        value = Plaintext(CANARIES.through("sealed"))
        return str(seal(value, Identity(Layer(scope, "all"), name), key or self.key))


def _cut(sealer: Sealer) -> str:
    return sealer.text()[:-8]


def _flipped(sealer: Sealer) -> str:
    text = sealer.text()
    return text[:-5] + ("A" if text[-5] != "A" else "B") + text[-4:]


BROKEN: dict[str, Callable[[Sealer], str]] = {
    "unknown key": lambda sealer: sealer.text(key=Keyring.generate().sealing_key()),
    "other tenant": lambda sealer: sealer.text(tenant="globex"),
    "other scope": lambda sealer: sealer.text(workspace="ws_1"),
    "other name": lambda sealer: sealer.text(name="OTHER"),
    "cut": _cut,
    "bit flipped": _flipped,
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_sealed_text_that_does_not_open_is_told_on_the_object(scene: Home, how: str) -> None:
    published = scene.cluster.get_json("configmap", names.PUBLIC_KEY_CONFIG_MAP, "-n", NAMESPACE)
    sealer = Sealer(scene.namespace, SealingKey.parse(published["data"]["sealing-key"]))
    text = BROKEN[how](sealer)
    name = f"broken-{how.replace(' ', '-')}"
    scene.apply(builders.variable(f"{scene.namespace}/{name}", "BROKEN", sealed=text))
    said = scene.until(f"rvar/{name}", "UnsealFailed")
    assert said.startswith("spec.sealedValue ")
    assert "pods do not receive this name" in said
    assert text not in said
    assert ("key" in said) if how == "unknown key" else (scene.namespace in said)
    warned = wait(lambda: scene.events(name), "the Event")
    assert warned == [("Warning", "UnsealFailed", said)]
    scene.kubectl("delete", f"rvar/{name}")


SOURCES: dict[str, tuple[Callable[[Home, str], Manifest | None], str, str]] = {
    "no secret": (lambda _home, _canary: None, "SourceMissing", ".name: there is no such Secret"),
    "no key": (lambda home, canary: home.source({"other": canary}, name="no-key"), "SourceMissing", ".key: the Secret"),
    "no consent": (
        lambda home, canary: home.source({"token": canary}, name="no-consent", consent=False),
        "SourceMissing",
        f'label it {names.SOURCE_LABEL}="true"',
    ),
    "not utf-8": (
        lambda home, canary: home.source({"token": canary.encode() + b"\xff"}, name="not-utf-8"),
        "InvalidValue",
        ".key: is not UTF-8 text: base64-encode binary values",
    ),
    "nul": (lambda home, canary: home.source({"token": canary + "\0"}, name="nul"), "InvalidValue", "contains NUL"),
    "too long": (
        lambda home, canary: home.source({"token": canary * 2000}, name="too-long"),
        "InvalidValue",
        "is over 32768 bytes",
    ),
}


@pytest.mark.parametrize("how", SOURCES)
def test_a_source_secret_that_gives_no_value_is_told_on_the_object(scene: Home, how: str) -> None:
    make, reason, says = SOURCES[how]
    name = how.replace(" ", "-")
    if (source := make(scene, CANARIES.through(how))) is not None:
        scene.kubectl("create", "-f", "-", input=json.dumps(source))
    scene.apply(scene.variable(name, valueFrom={"secretKeyRef": {"name": name, "key": "token"}}))
    said = scene.until(f"rvar/{name}", reason)
    assert said.startswith("spec.valueFrom.secretKeyRef")
    assert says in said
    assert wait(lambda: scene.events(name), "the Event") == [("Warning", reason, said)]
