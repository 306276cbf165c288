"""What users do with a variable, and what pods then receive: the whole operator on a real API server."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

import pytest

from tests import builders
from tests.builders import Manifest
from tests.cluster.homes import Home, condition
from tests.kube.cluster import wait

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
WAYS = pytest.mark.parametrize("options", [(), ("--server-side",)], ids=["client-side", "server-side"])


@pytest.fixture
def greeted(home: Home) -> Home:
    """A home whose sandboxes receive GREETING=hello."""
    home.apply(home.environment(), home.variable(value="hello"))
    home.ready("greeting")
    # The status of a RuntimeEnv that was written twice in a short time comes a moment after its Secret.
    wait(lambda: home.get("renv/renv.sandbox")["status"].get("variables"), "the status to list what pods receive")
    return home


def states(home: Home) -> dict[str, Any]:
    """The version of everything that one apply may have written."""
    found = [*home.items("rvar"), *home.items("renv"), *home.items("secrets")]
    return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"] for o in found}


def test_once_kubectl_says_ready_the_secret_holds_the_value(home: Home) -> None:
    home.apply(home.environment())
    for value in ("one", "two", ""):
        home.apply(home.variable(value=value))
        home.ready("greeting")
        assert home.held() == {"GREETING": value}


def test_what_an_applier_no_longer_names_goes_also_after_the_status_was_written(home: Home) -> None:
    variable = home.variable(value="hello", metadata={"owner": "me"})
    labelled = {**variable, "metadata": {**variable["metadata"], "labels": {"a": "b"}, "annotations": {"c": "d"}}}
    home.cluster.apply(labelled, "--server-side")
    home.ready("greeting")
    meta = home.get("rvar/greeting")["metadata"]
    assert (meta["labels"], meta["annotations"]) == ({"a": "b"}, {"c": "d"})
    home.cluster.apply(home.variable(value="hello"), "--server-side")
    found = home.get("rvar/greeting")
    assert not {"labels", "annotations"} & found["metadata"].keys()
    assert "metadata" not in found["spec"]
    assert found["status"]["id"]


def test_the_status_of_a_ready_variable_says_who_it_is_and_shows_no_value(home: Home) -> None:
    home.apply(home.environment(), home.variable(value="sk-ant-0123456789-0123456789-abcd", metadata={"owner": "me"}))
    home.ready("greeting")
    found = home.get("rvar/greeting")
    status = found["status"]
    assert status["id"].startswith("env_")
    assert (status["tenantId"], status["preview"]) == (home.namespace, "sk-ant...abcd")
    assert status["createdAt"] == found["metadata"]["creationTimestamp"]
    assert status["propagation"] == {"done": 1, "total": 1}
    assert [condition(found, kind)["status"] for kind in ("Ready", "Reconciling", "Stalled")] == ["True"] + [
        "False"
    ] * 2
    assert "kopf" not in json.dumps(found)
    columns = home.kubectl("get", "rvar").out.split("\n")
    assert columns[0].split() == ["NAME", "NAME", "SCOPE", "TARGET", "PREVIEW", "ENABLED", "READY", "AGE"]


@WAYS
def test_applying_the_same_plaintext_again_writes_nothing_at_all(greeted: Home, options: tuple[str, ...]) -> None:
    manifest = greeted.variable(value="hello")
    greeted.cluster.apply(manifest, *options, *(["--force-conflicts"] if options else []))

    def writes_nothing() -> bool:  # the first apply by another way may end before its last status is written
        before = states(greeted)
        greeted.cluster.apply(manifest, *options)
        return states(greeted) == before

    wait(writes_nothing, "an apply that writes nothing")
    before = states(greeted)
    greeted.cluster.apply(manifest, *options)
    diff = greeted.kubectl("diff", *options, "-f", "-", input=json.dumps(manifest), check=False)
    assert (diff.code, diff.out) == (0, "")
    assert states(greeted) == before


def test_metadata_alone_moves_neither_generation_nor_what_pods_receive(greeted: Home) -> None:
    before = states(greeted)
    greeted.kubectl("label", "rvar/greeting", "owner=me")
    greeted.kubectl("annotate", "rvar/greeting", "note=x")
    wait(lambda: "owner" in greeted.get("rvar/greeting")["metadata"]["labels"], "the label")
    assert greeted.get("rvar/greeting")["metadata"]["generation"] == 1
    after = states(greeted)
    assert {name for name in after if after[name] != before.get(name)} == {"RuntimeEnvVar/greeting"}


def test_an_edit_of_the_notes_moves_no_revision(greeted: Home) -> None:
    before = greeted.get("renv/renv.sandbox")["status"]
    greeted.apply(greeted.variable(value="hello", metadata={"owner": "me"}))
    greeted.until("rvar/greeting", "Materialized")
    assert greeted.get("renv/renv.sandbox")["status"] == before


def test_a_patch_reaches_the_pods(greeted: Home) -> None:
    greeted.kubectl("patch", "rvar/greeting", "--type=merge", "-p", '{"spec":{"value":"patched"}}')
    greeted.ready("greeting")
    greeted.until("rvar/greeting", "Materialized")
    assert greeted.held() == {"GREETING": "patched"}


def test_an_edit_reaches_the_pods(greeted: Home) -> None:
    change = "import pathlib,re,sys; p=pathlib.Path(sys.argv[1]); t=p.read_text()"
    change += "; p.write_text(re.sub('  sealedValue: .*', '  value: edited', t))"
    argv = ["env", f"KUBE_EDITOR={shlex.join([sys.executable, '-c', change])}", *greeted.cluster.kubectl_argv()]
    log = greeted.cluster.folder / "edit.log"
    edit = greeted.cluster.spawn([*argv, "edit", "rvar/greeting", "-n", greeted.namespace], env={}, log=log)
    wait(lambda: edit.code is not None, "kubectl edit to end")
    assert edit.code == 0, log.read_text()
    greeted.until("rvar/greeting", "Materialized")
    assert greeted.held() == {"GREETING": "edited"}


def test_a_replacement_reaches_the_pods(greeted: Home) -> None:
    greeted.kubectl("replace", "-f", "-", input=json.dumps(greeted.variable(value="replaced")))
    greeted.until("rvar/greeting", "Materialized")
    assert greeted.held() == {"GREETING": "replaced"}


def test_a_disabled_variable_lets_the_wider_layer_show_through(greeted: Home) -> None:
    def narrow(*, enabled: bool) -> Manifest:
        metadata = {"name": "narrow", "namespace": greeted.namespace}
        spec: dict[str, Any] = {"value": "narrow", "target": "sandbox", "enabled": enabled}
        return {**greeted.variable(**spec), "metadata": metadata}

    greeted.apply(narrow(enabled=True))
    greeted.ready("narrow")
    assert greeted.held() == {"GREETING": "narrow"}
    greeted.apply(narrow(enabled=False))
    greeted.until("rvar/narrow", "Disabled")
    greeted.ready("narrow")
    greeted.holds({"GREETING": "hello"})
    greeted.apply(narrow(enabled=True))
    greeted.until("rvar/narrow", "Materialized")
    assert greeted.held() == {"GREETING": "narrow"}


def test_a_deleted_variable_leaves_pods_and_its_encrypted_secret_goes(greeted: Home) -> None:
    encrypted = greeted.encrypted("greeting")
    greeted.kubectl("delete", "rvar/greeting")
    greeted.holds({})
    gone = greeted.kubectl("get", encrypted, "--ignore-not-found")
    wait(lambda: greeted.kubectl("get", encrypted, "--ignore-not-found").out == "", f"{encrypted} to go")
    assert gone.code == 0


def rival(home: Home, **spec: Any) -> Manifest:
    """Another object that claims GREETING; of claimants of one second the first by name wins."""
    return builders.variable(f"{home.namespace}/rival-z", "GREETING", **({"value": "later"} | spec))


def test_the_oldest_claimant_wins_and_the_next_takes_over_with_an_event(greeted: Home) -> None:
    greeted.apply(rival(greeted))
    said = greeted.until("rvar/rival-z", "Conflict")
    assert said.startswith(f"{greeted.namespace}/greeting defines this variable already")
    loser, winner = greeted.get("rvar/rival-z"), greeted.get("rvar/greeting")
    assert loser["status"]["id"] == winner["status"]["id"]
    assert condition(loser, "Stalled")["status"] == "True"
    assert greeted.held() == {"GREETING": "hello"}
    greeted.kubectl("delete", "rvar/greeting")
    greeted.until("rvar/rival-z", "Materialized")
    assert greeted.held() == {"GREETING": "later"}
    wait(lambda: len(greeted.events("rival-z")) == 2, "both Events")
    assert {(kind, reason) for kind, reason, _ in greeted.events("rival-z")} == {
        ("Warning", "Conflict"),
        ("Normal", "TakenOver"),
    }
