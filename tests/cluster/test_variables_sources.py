"""The three sources of a value, followed to what pods receive; what is kept when one of them breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import runtimeenv
from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster.homes import Home, condition
from tests.kube.cluster import wait

REFERENCE = {"secretKeyRef": {"name": "keys", "key": "token"}}
CONSENT = f"{names.SOURCE_LABEL}=true"


@pytest.fixture
def referring(home: Home) -> Home:
    """A home whose sandboxes receive GREETING=one, which a Secret named keys holds under token."""
    home.apply(home.environment(), home.source({"token": "one"}), home.variable(valueFrom=REFERENCE))
    home.ready("greeting")
    assert home.held() == {"GREETING": "one"}
    return home


def sealed_offline(home: Home, value: str, *options: str) -> str:
    """The manifest that `runtimeenv seal` prints, with nothing but the public key's file to read."""
    key = home.cluster.folder / "public-key"
    published = home.cluster.get_json("configmap", names.PUBLIC_KEY_CONFIG_MAP, "-n", "runtime-env-system")
    key.write_text(published["data"]["sealing-key"])
    where = ["--tenant", home.namespace, "--namespace", home.namespace, "--public-key", str(key), *options]
    argv = [sys.executable, "-m", "runtimeenv", "seal", "--output=yaml", *where]
    environment = {**os.environ, "PYTHONPATH": str(Path(runtimeenv.__file__).parent.parent), "KUBECONFIG": "/nowhere"}
    done = subprocess.run(argv, input=value, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    return done.stdout


def test_what_was_sealed_offline_reaches_the_pods(home: Home) -> None:
    manifest = sealed_offline(home, "from-my-desk", "--name=DESK_TOKEN", "--target=sandbox")
    home.apply(home.environment(), home.environment("agent"))
    home.cluster.apply(manifest)
    home.ready("desk-token")
    assert home.held() == {"DESK_TOKEN": "from-my-desk"}
    assert home.held("renv.agent") == {}


def test_a_variable_goes_from_a_value_to_a_secret_to_a_sealed_text_and_back(home: Home) -> None:
    sealed = sealed_offline(home, "sealed", "--name=GREETING")
    steps: list[tuple[Manifest | str, str]] = [
        (home.variable(value="plain"), "plain"),
        (home.variable(valueFrom=REFERENCE), "referred"),
        (home.variable(value="plain"), "plain"),
        (sealed, "sealed"),
        (home.variable(valueFrom=REFERENCE), "referred"),
    ]
    home.apply(home.environment(), home.source({"token": "referred"}))
    for manifest, value in steps:
        home.cluster.apply(manifest)
        home.until("rvar/greeting", "Materialized")
        assert home.held() == {"GREETING": value}


def test_a_change_of_the_source_secret_is_followed_without_a_new_generation(referring: Home) -> None:
    before = referring.get("rvar/greeting")
    referring.apply(referring.source({"token": "two", "other": "x"}))
    referring.holds({"GREETING": "two"})
    changed = wait(lambda: newer(referring, before["status"]["updatedAt"]), "updatedAt to tell")
    assert changed["metadata"]["generation"] == before["metadata"]["generation"] == 1


def newer(home: Home, updated: str) -> Any:
    found = home.get("rvar/greeting")
    return found["status"]["updatedAt"] > updated and found


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("gone", "spec.valueFrom.secretKeyRef.name: there is no such Secret in this namespace: create it"),
        ("other-key", "spec.valueFrom.secretKeyRef.key: the Secret has no such key: add it, or name another"),
    ],
)
def test_a_source_that_goes_leaves_the_last_good_value_and_is_told(referring: Home, broken: str, says: str) -> None:
    if broken == "gone":
        referring.kubectl("delete", "secret/keys")
    else:
        referring.kubectl("replace", "-f", "-", input=str(referring.source({"other": "x"})).replace("'", '"'))
    assert says in referring.until("rvar/greeting", "SourceMissing")
    assert condition(referring.get("rvar/greeting"), "Stalled")["status"] == "True"
    assert "the last good value stays in use" in condition(referring.get("rvar/greeting"))["message"]
    assert referring.held() == {"GREETING": "one"}
    referring.apply(referring.source({"token": "again"}))
    referring.until("rvar/greeting", "Materialized")
    assert referring.held() == {"GREETING": "again"}


def test_withdrawn_consent_takes_the_value_away_and_withholds_the_name(referring: Home) -> None:
    narrow: dict[str, Any] = {"valueFrom": REFERENCE, "target": "sandbox"}
    metadata = {"name": "narrow", "namespace": referring.namespace}
    referring.apply({**referring.variable(**narrow), "metadata": metadata}, referring.variable("other", value="stays"))
    referring.apply(referring.variable(value="wider"))
    referring.ready("narrow", "other")
    referring.holds({"GREETING": "one", "OTHER": "stays"})
    referring.kubectl("label", "secret/keys", f"{names.SOURCE_LABEL}-")
    said = referring.until("rvar/narrow", "SourceMissing")
    assert f'label it {names.SOURCE_LABEL}="true"' in said
    assert "pods do not receive this name" in said
    referring.holds({"OTHER": "stays"})
    assert "envelope" not in referring.get(referring.encrypted("narrow"))["data"]
    referring.kubectl("label", "secret/keys", CONSENT)
    referring.until("rvar/narrow", "Materialized")
    referring.holds({"GREETING": "one", "OTHER": "stays"})


def test_a_variable_that_never_had_a_value_withholds_its_name(home: Home) -> None:
    narrow = {**home.variable(valueFrom=REFERENCE, target="sandbox")}
    narrow["metadata"] = {"name": "narrow", "namespace": home.namespace}
    home.apply(home.environment(), home.environment("agent"), narrow, home.variable(value="wider"))
    home.until("rvar/narrow", "SourceMissing")
    home.ready("greeting")
    home.holds({"GREETING": "wider"}, "renv.agent")
    home.holds({})
    home.kubectl("delete", "rvar/narrow")
    home.holds({"GREETING": "wider"})


def test_a_sealed_text_that_breaks_leaves_the_last_good_value(home: Home) -> None:
    sealed = sealed_offline(home, "good", "--name=GREETING")
    home.apply(home.environment())
    home.cluster.apply(sealed)
    home.ready("greeting")
    foreign = sealed_offline(home, "other", "--name=OTHER").split("sealedValue: ")[1].strip()
    home.apply(home.variable(sealed=foreign))
    said = home.until("rvar/greeting", "UnsealFailed")
    assert said.startswith("spec.sealedValue ")
    assert "the last good value stays in use" in said
    assert home.held() == {"GREETING": "good"}
    home.cluster.apply(sealed)
    home.until("rvar/greeting", "Materialized")


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "helm.sh/release.v1", names.ENV_TYPE])
def test_credentials_of_others_are_never_read(home: Home, kind: str) -> None:
    source = "renv.sandbox" if kind == names.ENV_TYPE else "keys"
    key = "OTHER" if kind == names.ENV_TYPE else "token"
    home.apply(home.environment(), home.variable("other", value="x"))
    home.ready("other")
    if kind == names.ENV_TYPE:
        home.kubectl("label", f"secret/{source}", CONSENT)
    else:
        manifest = {**home.source({"token": "secret"}), "type": kind}
        manifest["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
        home.apply(builders_account(home), manifest)
    home.apply(home.variable(valueFrom={"secretKeyRef": {"name": source, "key": key}}))
    assert "Secrets of this type are never read" in home.until("rvar/greeting", "InvalidValue")
    home.holds({"OTHER": "x"})


def builders_account(home: Home) -> builders.Manifest:
    """The service account that a token's Secret must name."""
    metadata = {"name": "default", "namespace": home.namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
