"""The controller stopped, killed and started again, with all that may change meanwhile."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core import names
from tests import builders
from tests.cluster.homes import CONTROLLER, Home, removed
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import wait
from tests.kube.operator import Operator

FROM = {"secretKeyRef": {"name": "keys", "key": "token"}}
KINDS = "rvar,renv,secrets,configmaps"
MANY = 100
LOOKS = 3


@pytest.fixture
def down(operator: Operator) -> Iterator[Operator]:
    """The controller is killed at the test's word, and runs again after it, whatever happened."""
    yield operator
    if not operator.controller.alive:
        operator.launch("controller")
    operator.wait_ready()


def restarted(operator: Operator) -> None:
    """The controller is started again, and is ready."""
    operator.launch("controller")
    operator.wait_ready()


def probe(operator: Operator, path: str) -> str:
    """The controller's own answer, whatever its HTTP status."""
    address = f"http://127.0.0.1:{operator.launches['controller'].probe_port}{path}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.read().decode()


def versions(home: Home) -> dict[str, str]:
    """The version of every object that the controller writes: the namespace's, its own, and the cluster's."""
    found = home.cluster.get_json(f"{KINDS},mutatingwebhookconfigurations", "-n", home.namespace)["items"]
    found += home.cluster.get_json(KINDS, "-n", NAMESPACE)["items"]
    return {f"{o['kind']} {o['metadata'].get('namespace')}/{o['metadata']['name']}": version(o) for o in found}


def version(found: Any) -> str:
    return str(found["metadata"]["resourceVersion"])


def settled(home: Home) -> None:
    """Wait until nothing is written any more: three looks, each of which takes kubectl a while, show the same."""
    looks: list[dict[str, str]] = []

    def quiet() -> bool:
        looks.append(versions(home))
        return len(looks) >= LOOKS and looks[-LOOKS:] == [looks[-1]] * LOOKS

    wait(quiet, "the operator to be idle")


@pytest.fixture
def varied(home: Home) -> Home:
    """A home with a variable in every state that lasts."""
    home.apply(home.environment(), home.environment("agent"), home.source({"token": "one"}))
    home.apply(
        home.variable("plain", value="p"),
        home.variable("referring", valueFrom=FROM, target="sandbox"),
        home.variable("off", value="o", enabled=False),
        home.variable("missing", valueFrom={"secretKeyRef": {"name": "nowhere", "key": "k"}}),
        builders.variable(f"{home.namespace}/plain-rival", "PLAIN", value="q"),
    )
    for name, reason in {"off": "Disabled", "missing": "SourceMissing", "plain-rival": "Conflict"}.items():
        home.until(f"rvar/{name}", reason)
    home.ready("plain", "referring")
    home.holds({"PLAIN": "p", "REFERRING": "one"})
    settled(home)
    return home


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_restart_writes_nothing_that_is_unchanged(varied: Home, down: Operator, how: str) -> None:
    before = versions(varied)
    down.kill9("controller") if how == "killed" else down.controller.stop()
    restarted(down)
    settled(varied)
    varied.apply(varied.variable("sentinel", value="s", enabled=False))
    varied.until("rvar/sentinel", "Disabled")
    settled(varied)
    after = versions(varied)
    new = {f"RuntimeEnvVar {varied.namespace}/sentinel", f"Secret {varied.namespace}/{named(varied, 'sentinel')}"}
    assert {name for name in after if after[name] != before.get(name)} == new
    assert before.keys() <= after.keys()


def named(home: Home, variable: str) -> str:
    return home.encrypted(variable).removeprefix("secret/")


def test_a_controller_that_is_told_to_stop_ends_at_once_and_gives_up_its_lease(down: Operator) -> None:
    down.controller.stop(timeout=4)  # kopf's patience with what it takes for hung tasks is 5 s
    assert down.controller.code == 0
    lease = down.cluster.get_json("lease", "runtime-env-controller", "-n", NAMESPACE)
    assert lease["spec"].get("holderIdentity", "") == ""


def test_what_changed_while_the_controller_was_down_is_noticed(varied: Home, down: Operator) -> None:
    lent = varied.variable("lent", valueFrom={"secretKeyRef": {"name": "loan", "key": "k"}})
    varied.apply(varied.source({"k": "v"}, name="loan"), lent)
    varied.ready("lent")
    gone = (varied.encrypted("plain"), "secret/renv.agent")
    down.kill9("controller")
    varied.kubectl("delete", "rvar/plain", "renv/renv.agent")
    varied.kubectl("label", "secret/loan", f"{names.SOURCE_LABEL}-")
    varied.apply(varied.source({"token": "two"}), varied.source({"k": "found"}, name="nowhere"))
    varied.apply(varied.variable("off", value="on"))
    restarted(down)
    varied.holds({"PLAIN": "q", "REFERRING": "two", "OFF": "on", "MISSING": "found"})
    varied.until("rvar/plain-rival", "Materialized")
    varied.until("rvar/lent", "SourceMissing")
    assert "envelope" not in varied.get(varied.encrypted("lent"))["data"]
    for left in gone:
        wait(lambda left=left: varied.kubectl("get", left, "--ignore-not-found").out == "", f"{left} to go")  # type: ignore[misc]


def test_derived_secrets_that_were_damaged_while_the_controller_was_down_are_restored(
    varied: Home, down: Operator
) -> None:
    damages = {
        "secret/renv.sandbox": '{"data":{"PLAIN":"eA==","FOREIGN":"eA=="}}',
        varied.encrypted("plain"): '{"data":{"record":null}}',
        varied.encrypted("referring"): '{"data":{"envelope":null}}',
    }
    before = varied.get("renv/renv.sandbox")["status"]
    down.kill9("controller")
    for target, patch in damages.items():
        varied.kubectl("patch", target, "--type=merge", "-p", patch, user=CONTROLLER, groups=["system:masters"])
    restarted(down)
    varied.holds({"PLAIN": "p", "REFERRING": "one"})
    varied.ready("plain", "referring")
    settled(varied)
    after = varied.get("renv/renv.sandbox")["status"]
    assert after["secretVersion"] == version(varied.get("secret/renv.sandbox"))
    assert after["variables"] == before["variables"]


def test_a_restore_without_anything_derived_gives_the_same_environments_and_ids(varied: Home, down: Operator) -> None:
    ids = {o["metadata"]["name"]: o["status"].get("id") for o in varied.items("rvar")}
    down.kill9("controller")
    derived = [f"secret/{o['metadata']['name']}" for o in varied.items("secrets") if o["type"].startswith(names.GROUP)]
    varied.kubectl("delete", *derived)
    restarted(down)
    varied.holds({"PLAIN": "p", "REFERRING": "one"})
    varied.ready("plain", "referring", "off")
    assert {o["metadata"]["name"]: o["status"].get("id") for o in varied.items("rvar")} == ids


def test_a_controller_killed_amid_a_hundred_applies_gets_them_all_ready(home: Home, down: Operator) -> None:
    manifests = [home.variable(f"many-{number:03}", value=f"value {number}") for number in range(MANY)]
    home.apply(home.environment(), home.source({"token": "x"}))
    applying = home.cluster.folder / "many.json"
    applying.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    argv = [*home.cluster.kubectl_argv(), "apply", "-f", str(applying)]
    apply = home.cluster.spawn(argv, env={}, log=home.cluster.folder / "many.log")
    for seen in (5, 40):
        wait(lambda seen=seen: encrypted(home) >= seen, f"{seen} encrypted Secrets")  # type: ignore[misc]
        down.kill9("controller")
        down.launch("controller")
    wait(lambda: apply.code is not None, "kubectl apply to end")
    assert apply.code == 0, apply.log.read_text()
    home.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "rvar", "--all", timeout=90)
    home.holds({f"MANY_{number:03}": f"value {number}" for number in range(MANY)})
    assert encrypted(home) == MANY


def encrypted(home: Home) -> int:
    return len(home.items("secrets", f"--field-selector=type={names.ENCRYPTED_TYPE}"))


def test_without_its_keyring_it_is_not_ready_and_says_why_until_it_is_restored(varied: Home, down: Operator) -> None:
    backup = removed(down.cluster, "secret", names.KEYRING_SECRET)
    before = versions(varied)
    try:
        down.kill9("controller")
        down.launch("controller")
        wait(lambda: "keyring" in probe(down, "/readyz"), "the controller to tell what it waits for")
        assert not down.launches["controller"].ready()
        said = probe(down, "/readyz")
        assert f"Secret {NAMESPACE}/{names.KEYRING_SECRET} with the keyring is missing" in said
        assert "restore it from a backup" in said
        assert varied.held() == {"PLAIN": "p", "REFERRING": "one"}
        assert down.cluster.kubectl("get", "secret", names.KEYRING_SECRET, "-n", NAMESPACE, check=False).code != 0
    finally:
        down.cluster.apply(backup, "--server-side")
    down.wait_ready()
    settled(varied)
    changed = {name for name, seen in versions(varied).items() if before.get(name) != seen}
    assert changed == {f"Secret {NAMESPACE}/{names.KEYRING_SECRET}"}
    varied.apply(varied.variable("plain", value="after"))
    varied.until("rvar/plain", "Materialized")
    varied.holds({"PLAIN": "after", "REFERRING": "one"})
