"""What the controller finds stored although a policy would have refused it, and namespaces that are in no order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster import homes
from tests.cluster.homes import Home, condition
from tests.cluster.writes import SEALED, create
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator

POLICIES = ("enrolment", "variables", "runtimeenvs", "secrets")


@pytest.fixture(scope="module")
def lawless(operator: Operator) -> Iterator[Operator]:
    """The operator while the policies' bindings are away; put back afterwards."""
    cluster = operator.cluster
    bindings = [binding(cluster, policy) for policy in POLICIES]
    for found in bindings:
        cluster.kubectl("delete", "validatingadmissionpolicybinding", found["metadata"]["name"])
    probes = [
        builders.variable("default/probe", sealed=SEALED),
        builders.namespace("probe", workspace="ws"),
        builders.runtime_env("default/renv.agent", "sandbox"),
        builders.source_secret("default/renv.probe", {}),
    ]
    for probe in probes:
        wait(lambda probe=probe: create(cluster, probe).code == 0, "the policies to be away")  # type: ignore[misc]
    yield operator
    cluster.apply(bindings)
    operator.wait_ready()
    for probe in probes:
        wait(lambda probe=probe: create(cluster, probe).code != 0, "the policies to be back")  # type: ignore[misc]


def binding(cluster: Cluster, policy: str) -> Manifest:
    """The policy's binding, as it can be applied again."""
    found = cluster.get_json("validatingadmissionpolicybinding", f"runtime-env-{policy}")
    metadata = {"name": found["metadata"]["name"], "labels": found["metadata"].get("labels", {})}
    return {key: found[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}


@pytest.fixture
def anarchy(lawless: Operator) -> Iterator[Home]:
    """A tenant's namespace in lawless times, with a source Secret, whose sandboxes receive GOOD=x."""
    with homes.new(lawless) as home:
        home.apply(home.environment(), home.source({"token": "x"}), home.variable("good", value="x"))
        home.ready("good")
        yield home


FROM = {"secretKeyRef": {"name": "keys", "key": "token"}}


def relabel(home: Home, **labels: str) -> None:
    changes = [f"{names.GROUP}/{label}={text}" if text else f"{names.GROUP}/{label}-" for label, text in labels.items()]
    home.cluster.kubectl("label", "namespace", home.namespace, "--overwrite", *changes)


def test_a_reserved_name_that_was_stored_reaches_no_pod(anarchy: Home) -> None:
    anarchy.apply(builders.variable(f"{anarchy.namespace}/preload", "LD_PRELOAD", valueFrom=FROM))
    assert anarchy.until("rvar/preload", "InvalidValue").startswith("spec.name: is reserved")
    anarchy.holds({"GOOD": "x"})


def test_notes_as_deep_as_the_api_server_takes_them_stop_nobody_else(anarchy: Home) -> None:
    deep = json.dumps(anarchy.variable("deep", sealedValue=SEALED, metadata="NOTES"))
    levels = 9_000
    sent = deep.replace('"NOTES"', '{"a":' * levels + "1" + "}" * levels)
    path = f"/apis/{names.API_VERSION}/namespaces/{anarchy.namespace}/runtimeenvvars"
    anarchy.cluster.kubectl("create", "--raw", path, "-f", "-", input=sent)
    anarchy.apply(anarchy.variable("next", value="y"))
    anarchy.ready("next")
    anarchy.holds({"GOOD": "x", "NEXT": "y"})
    anarchy.operator.controller.expect_alive()
    anarchy.operator.restart("controller")
    wait(anarchy.operator.launches["controller"].ready, "the controller to be ready again")
    anarchy.apply(anarchy.variable("last", value="z"))
    anarchy.ready("last")
    anarchy.kubectl("delete", "rvar", "deep")


def test_a_scope_that_the_namespace_may_not_define_claims_nothing(lawless: Operator) -> None:
    with homes.new(lawless) as home, homes.new(lawless, "ws_1", tenant=home.namespace) as team:
        home.apply(home.environment())
        team.apply(
            team.source({"token": "stolen"}), builders.variable(f"{team.namespace}/a", "GREETING", valueFrom=FROM)
        )
        said = team.until("rvar/a", "TenantMismatch")
        assert said == "spec.scope: this namespace defines scope workspace of workspace ws_1 only"
        home.apply(home.variable(value="ours"))
        home.ready("greeting")
        home.holds({"GREETING": "ours"})
        assert "id" not in team.get("rvar/a")["status"]


def test_a_namespace_that_changes_hands_is_left_alone(anarchy: Home) -> None:
    encrypted = anarchy.encrypted("good")
    before = anarchy.namespace
    relabel(anarchy, tenant="globex")
    said = anarchy.until("rvar/good", "TenantMismatch")
    assert said.startswith(f"made under tenant {before}, but the namespace is tenant globex's: delete it")
    wait(lambda: anarchy.kubectl("get", encrypted, "--ignore-not-found").out == "", "the encrypted Secret to go")
    anarchy.holds({})
    relabel(anarchy, tenant=before)
    anarchy.until("rvar/good", "Materialized")
    anarchy.holds({"GOOD": "x"})


def test_a_namespace_that_is_enrolled_no_longer_derives_nothing(anarchy: Home) -> None:
    relabel(anarchy, tenant="")
    said = anarchy.until("rvar/good", "NotEnrolled")
    assert f"have an administrator label it {names.TENANT_LABEL}" in said
    assert anarchy.until("renv/renv.sandbox", "NotEnrolled") == said
    wait(lambda: not derived(anarchy), "all that was derived to go")
    assert condition(anarchy.get("rvar/good"), "Stalled")["status"] == "True"
    relabel(anarchy, tenant=anarchy.namespace)
    anarchy.until("rvar/good", "Materialized")
    anarchy.holds({"GOOD": "x"})


def derived(home: Home) -> list[str]:
    return [s["metadata"]["name"] for s in home.items("secrets") if s["type"].startswith(f"{names.GROUP}/")]


def test_enrolment_labels_out_of_form_enrol_nobody(anarchy: Home) -> None:
    relabel(anarchy, tenant="", workspace="ws_1")
    anarchy.until("rvar/good", "NotEnrolled")
    wait(lambda: not derived(anarchy), "all that was derived to go")


def test_a_namespace_that_was_narrowed_gives_no_more_than_it_may(anarchy: Home) -> None:
    relabel(anarchy, workspace="ws_1")
    anarchy.until("rvar/good", "TenantMismatch")
    anarchy.until("renv/renv.sandbox", "InvalidValue")
    wait(lambda: not derived(anarchy), "all that was derived to go")


def test_a_variable_stored_before_its_namespace_is_enrolled_works_afterwards(lawless: Operator) -> None:
    with homes.new(lawless) as home:
        relabel(home, tenant="")
        home.apply(home.environment(), home.source({"token": "late"}), home.variable(valueFrom=FROM))
        home.until("rvar/greeting", "NotEnrolled")
        relabel(home, tenant="acme")
        home.until("rvar/greeting", "Materialized")
        home.holds({"GREETING": "late"})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda home: home.environment() | {"metadata": meta(home, "renv.other")},
            "metadata.name: must be renv.sandbox for",
        ),
        (lambda home: builders.runtime_env(f"{home.namespace}/mine"), "metadata.name: must be renv.sandbox for"),
    ],
    ids=["other-name", "free-name"],
)
def test_a_runtimeenv_out_of_form_holds_nothing(anarchy: Home, make: Callable[[Home], Manifest], says: str) -> None:
    manifest = make(anarchy)
    name = manifest["metadata"]["name"]
    anarchy.apply(manifest)
    assert says in anarchy.until(f"renv/{name}", "InvalidValue")
    assert anarchy.kubectl("get", f"secret/{name}", "--ignore-not-found").out == ""


def meta(home: Home, name: str) -> dict[str, Any]:
    return {"namespace": home.namespace, "name": name}


def test_a_workspaces_namespace_gets_no_other_workspaces_environment(lawless: Operator) -> None:
    with homes.new(lawless, "ws_1") as team:
        other = builders.runtime_env(f"{team.namespace}/renv.sandbox.w-ws-u2", workspaceId="ws_2")
        team.apply(other)
        said = team.until("renv/renv.sandbox.w-ws-u2", "TenantMismatch")
        assert "spec.workspace" in said
        assert "is ws_2, but the namespace fixes the workspace as ws_1" in said


def test_a_forged_encrypted_secret_gives_nobody_a_value(anarchy: Home) -> None:
    stored = anarchy.get(anarchy.encrypted("good"))
    metadata = {"name": "rvar.00000000-0000-0000-0000-000000000000", "namespace": anarchy.namespace}
    forged = {key: stored[key] for key in ("apiVersion", "kind", "type", "data")} | {"metadata": metadata}
    anarchy.apply(forged)
    anarchy.apply(anarchy.variable("other", value="y"))
    anarchy.ready("other")
    anarchy.holds({"GOOD": "x", "OTHER": "y"})
    anarchy.operator.controller.expect_alive()


def test_another_variables_envelope_is_not_opened(anarchy: Home) -> None:
    anarchy.apply(anarchy.variable("other", value="y"))
    anarchy.ready("other")
    stolen = anarchy.get(anarchy.encrypted("good"))["data"]["envelope"]
    patch = f'{{"data":{{"envelope":"{stolen}"}}}}'
    anarchy.kubectl("patch", anarchy.encrypted("other"), "--type=merge", "-p", patch)
    wait(lambda: anarchy.get(anarchy.encrypted("other"))["data"]["envelope"] != stolen, "it to be written anew")
    anarchy.holds({"GOOD": "x", "OTHER": "y"})
