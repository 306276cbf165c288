"""Which writes depend on the webhook, tried with one that nobody serves (design §5.1, §5.6)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import Manifest, pod, variable
from tests.cluster.conftest import POD_LABELS, Spaces
from tests.cluster.writes import SEALED, accepted, create, patch, raw
from tests.kube import chart
from tests.kube.cluster import Cluster, wait

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
UNSERVED = "https://127.0.0.1:1"


@pytest.fixture(scope="module")
def unserved(without_webhooks: Cluster, spaces: Spaces) -> Iterator[Cluster]:
    """Both configurations, under other names, for the tenant's namespace alone, at an address where nobody listens."""
    only = {"matchLabels": {"kubernetes.io/metadata.name": spaces.tenant}}
    configurations = chart.of_kind(chart.rendered({}), "MutatingWebhookConfiguration")
    for configuration in configurations:
        configuration["metadata"]["name"] = f"test-{configuration['metadata']['name']}"
        for hook in configuration["webhooks"]:
            path = hook["clientConfig"]["service"]["path"]
            hook |= {"clientConfig": {"url": f"{UNSERVED}{path}"}, "namespaceSelector": only}
    without_webhooks.apply(configurations)
    probes = [variable(f"{spaces.tenant}/probe", value="x"), pod(f"{spaces.tenant}/probe", POD_LABELS)]
    for probe in probes:
        wait(lambda probe=probe: "failed calling webhook" in create(without_webhooks, probe).err, "it to be called")  # type: ignore[misc]
    yield without_webhooks
    for configuration in configurations:
        without_webhooks.kubectl("delete", "mutatingwebhookconfigurations", configuration["metadata"]["name"])


@pytest.fixture(scope="module")
def stored(unserved: Cluster, spaces: Spaces) -> Iterator[str]:
    accepted(create(unserved, variable(f"{spaces.tenant}/kept", sealed=SEALED), dry_run=False))
    yield "rvar/kept"
    unserved.kubectl("delete", "rvar/kept", "-n", spaces.tenant)


def unanswered(cluster: Cluster, namespace: str, spec: dict[str, Any]) -> bool:
    done = create(cluster, variable(f"{namespace}/x", **spec))
    assert "canary" not in done.out + done.err
    return 'failed calling webhook "seal.runtime.miosa.ai"' in done.err


FROM = {"secretKeyRef": {"name": "a", "key": "b"}}


def test_sealed_and_referring_writes_do_not_depend_on_it(unserved: Cluster, spaces: Spaces) -> None:
    for spec in ({"sealedValue": SEALED}, {"valueFrom": FROM}, {"sealedValue": SEALED, "metadata": {"value": "note"}}):
        accepted(create(unserved, variable(f"{spaces.tenant}/x", **spec)))


def test_nor_do_writes_of_metadata_and_status(unserved: Cluster, spaces: Spaces, stored: str) -> None:
    accepted(patch(unserved, stored, spaces.tenant, {"metadata": {"labels": {"a": "b"}}}))
    accepted(patch(unserved, stored, spaces.tenant, {"spec": {"enabled": False}}))
    status = json.dumps({"status": {"preview": "x"}})
    unserved.kubectl("patch", stored, "-n", spaces.tenant, "--subresource=status", "--type=merge", "-p", status)


@pytest.mark.parametrize(
    "spec",
    [
        {"value": "canary"},
        {"value": ""},
        {"value": 8080},
        {"value": ["canary"]},
        {"value": "canary", "sealedValue": SEALED},
        {"valueFrom": FROM, "sealedValue": SEALED},
    ],
    ids=str,
)
def test_a_value_or_a_second_source_does(unserved: Cluster, spaces: Spaces, spec: dict[str, Any]) -> None:
    assert unanswered(unserved, spaces.tenant, spec)


def test_a_value_in_the_last_applied_annotation_does(unserved: Cluster, spaces: Spaces, stored: str) -> None:
    manifest: Manifest = unserved.get_json(stored, "-n", spaces.tenant)
    manifest["metadata"]["annotations"] = {LAST_APPLIED: '{"spec":{"value":"canary"}}'}
    path = f"/apis/runtime.miosa.ai/v1/namespaces/{spaces.tenant}/runtimeenvvars/kept"
    done = raw(unserved, "replace", path, manifest)
    assert 'failed calling webhook "seal.runtime.miosa.ai"' in done.err


def test_a_labelled_pod_fails_and_others_are_not_asked_about(unserved: Cluster, spaces: Spaces) -> None:
    assert 'webhook "inject.runtime.miosa.ai"' in create(unserved, pod(f"{spaces.tenant}/x", POD_LABELS)).err
    accepted(create(unserved, pod(f"{spaces.tenant}/x", {})))
    accepted(create(unserved, pod(f"{spaces.tenant}/x", {**POD_LABELS, "runtime.miosa.ai/inject": "false"})))


@pytest.mark.parametrize("how", [["--server-side", "--field-manager=helm"], []], ids=["server-side", "client-side"])
def test_an_upgrade_leaves_the_ca_bundle_as_it_is(without_webhooks: Cluster, how: list[str]) -> None:
    bundle = base64.b64encode(without_webhooks.ca.read_bytes()).decode()
    configuration = chart.of_kind(chart.rendered({}), "MutatingWebhookConfiguration")[0]
    configuration["metadata"]["name"] = "test-upgraded"
    hook = configuration["webhooks"][0]
    hook["namespaceSelector"] = {"matchLabels": {"no": "namespace"}}
    without_webhooks.apply(configuration, *how)
    filled = json.dumps([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}])
    target = ["mutatingwebhookconfiguration", "test-upgraded"]
    without_webhooks.kubectl("patch", *target, "--type=json", "-p", filled)
    hook["timeoutSeconds"] = 4
    without_webhooks.apply(configuration, *how)
    upgraded = without_webhooks.get_json(*target)["webhooks"][0]
    without_webhooks.kubectl("delete", *target)
    assert (upgraded["timeoutSeconds"], upgraded["clientConfig"]["caBundle"]) == (4, bundle)
