"""Plaintext that is written to a real API server is sealed before it is stored, by whatever way it comes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.crypto.seal import SealedValue
from tests import builders
from tests.builders import Manifest
from tests.cluster.writes import create
from tests.kube.cluster import Cluster, Completed, wait
from tests.kube.operator import Operator

CANARY = f"canary-{secrets.token_hex(6)}"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
FROM = {"secretKeyRef": {"name": "llm-keys", "key": "anthropic"}}


@pytest.fixture(scope="module")
def cluster(operator: Operator) -> Cluster:
    return operator.cluster


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[str]:
    """A namespace of workspace ws_1."""
    name = f"team-{secrets.token_hex(3)}"
    cluster.apply(builders.namespace(name, "acme", "ws_1"))
    probe = variable(name)
    wait(lambda: create(cluster, probe).code == 0, "the namespace to be known")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def ref(cluster: Cluster, team: str) -> Iterator[str]:
    """The name of a variable, which is deleted afterwards."""
    name = f"x-{secrets.token_hex(3)}"
    yield f"{team}/{name}"
    cluster.kubectl("delete", "rvar", "-n", team, name, "--ignore-not-found")


def variable(team: str, name: str = "x", **spec: Any) -> Manifest:
    """A variable of workspace ws_1; its NAME follows from its name."""
    reach = {"scope": "workspace", "workspaceId": "ws_1"}
    env = name.upper().replace("-", "_")
    return builders.variable(f"{team}/{name}", env, **reach | (spec or {"value": CANARY}))


def named(ref: str, **spec: Any) -> Manifest:
    return variable(*ref.split("/"), **spec)


def read(cluster: Cluster, ref: str) -> Any:
    """The object as it is stored; nothing of it shows the plaintext."""
    team, name = ref.split("/")
    done = cluster.kubectl("get", "rvar", "-n", team, name, "-o", "json", "--show-managed-fields")
    assert CANARY not in done.out
    return json.loads(done.out)


def text(cluster: Cluster, ref: str) -> str:
    """The stored sealed text."""
    spec = read(cluster, ref)["spec"]
    assert not {"value", "valueFrom"} & spec.keys()
    found: str = spec["sealedValue"]
    assert SealedValue.parse(found).compare is not None
    return found


def refused(done: Completed, *says: str) -> None:
    """Nothing was stored, and the reason repeats nothing."""
    assert done.code != 0
    assert CANARY not in done.out + done.err
    for words in says:
        assert words in done.err


@pytest.mark.parametrize("options", [(), ("--server-side",)])
def test_applying_the_same_value_again_is_no_write(cluster: Cluster, ref: str, options: tuple[str, ...]) -> None:
    cluster.apply(named(ref), *options)
    first = read(cluster, ref)

    def writes_nothing() -> bool:  # the controller may write the status meanwhile
        before = read(cluster, ref)["metadata"]["resourceVersion"]
        cluster.apply(named(ref), *options)
        return bool(read(cluster, ref)["metadata"]["resourceVersion"] == before)

    wait(writes_nothing, "an apply that writes nothing")
    assert read(cluster, ref)["metadata"]["generation"] == first["metadata"]["generation"] == 1
    assert read(cluster, ref)["spec"] == first["spec"]
    diff = cluster.kubectl("diff", *options, "-f", "-", input=json.dumps(named(ref)), check=False)
    assert (diff.code, diff.out) == (0, "")


@pytest.mark.parametrize("options", [(), ("--server-side",)])
def test_another_value_is_sealed_anew(cluster: Cluster, ref: str, options: tuple[str, ...]) -> None:
    cluster.apply(named(ref), *options)
    first = text(cluster, ref)
    cluster.apply(named(ref, value=CANARY + "2"), *options)
    assert text(cluster, ref) != first


def test_kubectls_copy_keeps_no_plaintext(cluster: Cluster, ref: str) -> None:
    cluster.apply(named(ref))
    copy = json.loads(read(cluster, ref)["metadata"]["annotations"][LAST_APPLIED])
    assert copy["spec"] == {"name": copy["spec"]["name"], "scope": "workspace", "workspaceId": "ws_1"}


def test_the_copy_written_alone_keeps_no_plaintext_either(cluster: Cluster, ref: str) -> None:
    cluster.apply(named(ref), "--server-side")
    before = text(cluster, ref)
    manifest = json.dumps(named(ref))
    cluster.kubectl("apply", "set-last-applied", "--create-annotation", "-f", "-", input=manifest)
    assert LAST_APPLIED in read(cluster, ref)["metadata"]["annotations"]
    assert text(cluster, ref) == before


def test_patch_and_replace_seal_too(cluster: Cluster, ref: str) -> None:
    team, name = ref.split("/")
    cluster.apply(named(ref, valueFrom=FROM))
    cluster.kubectl("patch", "rvar", "-n", team, name, "--type=merge", "-p", json.dumps({"spec": {"value": CANARY}}))
    first = text(cluster, ref)
    cluster.kubectl("replace", "-f", "-", input=json.dumps(named(ref)))
    assert text(cluster, ref) == first
    add = [{"op": "add", "path": "/spec/value", "value": CANARY + "2"}]
    cluster.kubectl("patch", "rvar", "-n", team, name, "--type=json", "-p", json.dumps(add))
    assert text(cluster, ref) != first


def test_metadata_writes_leave_the_sealed_text(cluster: Cluster, ref: str) -> None:
    team, name = ref.split("/")
    cluster.apply(named(ref))
    before = text(cluster, ref)
    cluster.kubectl("label", "rvar", "-n", team, name, "owner=me")
    cluster.kubectl("annotate", "rvar", "-n", team, name, "note=x")
    assert text(cluster, ref) == before


@pytest.mark.parametrize("options", [(), ("--server-side",)])
def test_a_variable_goes_from_a_value_to_a_reference_and_back(
    cluster: Cluster, ref: str, options: tuple[str, ...]
) -> None:
    cluster.apply(named(ref), *options)
    cluster.apply(named(ref, valueFrom=FROM), *options)
    spec = read(cluster, ref)["spec"]
    assert spec["valueFrom"] == FROM
    assert "sealedValue" not in spec
    cluster.apply(named(ref), *options)
    assert text(cluster, ref)


@pytest.mark.parametrize("options", [(), ("--server-side",)])
def test_a_value_dropped_without_a_new_source_changes_nothing(
    cluster: Cluster, ref: str, options: tuple[str, ...]
) -> None:
    cluster.apply(named(ref))
    before = text(cluster, ref)
    cluster.apply(named(ref, enabled=True), *options)
    assert text(cluster, ref) == before


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"value": 8080}, "spec.value: is not text: put it in quotes"),
        ({"value": True}, "spec.value: is not text"),
        ({"value": [CANARY]}, "spec.value: is not text"),
        ({"value": CANARY + "\0"}, "spec.value: contains NUL"),
        ({"value": CANARY * 3000}, "spec.value: is over 32768 bytes: mount large values as a file instead"),
        (
            {"value": CANARY, "scope": "tenant", "workspaceId": None},
            "may define only scope workspace of workspace ws_1",
        ),
        ({"value": CANARY, "workspaceId": "ws_2"}, "may define only scope workspace of workspace ws_1"),
        ({"value": CANARY, "name": "lower"}, "spec.name: must be upper-case letters"),
        ({"value": CANARY, "valueFrom": FROM}, "keep one of value, sealedValue, valueFrom"),
        ({"value": CANARY, "sealedValue": CANARY}, "keep one of value, sealedValue, valueFrom"),
    ],
)
def test_what_can_not_be_sealed_is_refused_with_the_mend_and_no_echo(
    cluster: Cluster, team: str, spec: dict[str, Any], says: str
) -> None:
    manifest = variable(team, valueFrom=FROM)
    del manifest["spec"]["valueFrom"]
    manifest["spec"] |= spec
    done = create(cluster, manifest)
    refused(done, says)
    assert 'admission webhook "seal.runtime.miosa.ai" denied the request: ' in done.err


def test_a_namespace_that_is_not_enrolled_seals_nothing(cluster: Cluster) -> None:
    refused(create(cluster, variable("default")), "namespace default is not enrolled")


def test_a_null_value_is_refused(cluster: Cluster, ref: str) -> None:
    done = cluster.apply(named(ref, value=None), "--server-side", check=False)
    refused(done, "spec.value: is not text")


@pytest.fixture
def webhook_away(operator: Operator) -> Iterator[None]:
    """The webhook is killed, and started again afterwards."""
    operator.kill9("webhook")
    yield
    operator.launch("webhook")
    operator.wait_ready()


def test_with_the_webhook_away_plaintext_fails_and_all_else_passes(
    cluster: Cluster, ref: str, request: pytest.FixtureRequest
) -> None:
    team, name = ref.split("/")
    cluster.apply(named(ref), "--server-side")
    before = text(cluster, ref)
    request.getfixturevalue("webhook_away")
    refused(create(cluster, variable(team, "other")), 'failed calling webhook "seal.runtime.miosa.ai"')
    cluster.apply(named(ref, sealedValue=before, enabled=False), "--server-side", "--force-conflicts")
    cluster.kubectl("label", "rvar", "-n", team, name, "owner=me")
    assert create(cluster, variable(team, "other", valueFrom=FROM)).code == 0
    assert text(cluster, ref) == before
