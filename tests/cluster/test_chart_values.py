"""Every value of the chart does what its comment says, in both Helms."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest
import yaml

from tests import generated
from tests.builders import Manifest
from tests.chart_values import documented
from tests.cluster.chart_effects import EFFECTS, PEERS, SHUT
from tests.cluster.chart_modes import ON, combined
from tests.documents import REPOSITORY
from tests.kube import chart
from tests.kube.chart import ChartFailed

OPENSHIFT = "security.openshift.io/v1"
EVERYTHING: dict[str, Any] = {
    "api": {"enabled": True, "tls": {"secretName": "api-tls"}, "ingress": {**ON, "hosts": ["env.example.org"]}},
    "metrics": {"podMonitor": ON, "prometheusRule": ON},
    "networkPolicy": {"enabled": True, "metricsFrom": PEERS},
}


def test_there_is_a_test_of_every_value() -> None:
    assert {value.path for value in documented()} == set(EFFECTS)


@pytest.mark.parametrize("path", EFFECTS)
def test_the_value_takes_effect(path: str) -> None:
    effect = EFFECTS[path]
    before = effect.look(before_it(json.dumps(effect.beside)))
    after = effect.look(chart.rendered(combined({path: effect.given}, effect.beside)))
    assert after == effect.expected != before


@functools.cache
def before_it(values: str) -> list[Manifest]:
    return chart.rendered(json.loads(values))


def of_all_kinds(values: dict[str, Any]) -> list[Manifest]:
    return chart.rendered({**EVERYTHING, **values})


def test_common_labels_are_on_every_object_and_pod_and_in_no_selector() -> None:
    objects = of_all_kinds({"commonLabels": {"team": "platform"}})
    assert [o["metadata"]["name"] for o in objects if o["metadata"]["labels"].get("team") != "platform"] == []
    for deployment in chart.of_kind(objects, "Deployment"):
        assert deployment["spec"]["template"]["metadata"]["labels"]["team"] == "platform"
        assert "team" not in deployment["spec"]["selector"]["matchLabels"]


def test_common_annotations_are_on_every_object_and_take_no_place_of_another() -> None:
    theirs = {"team": "platform", "helm.sh/resource-policy": "delete", "cert-manager.io/inject-ca-from": "theirs"}
    of_the_api = {**EVERYTHING["api"], "annotations": {"team": "api"}}
    given = {"commonAnnotations": theirs, "certificates": "cert-manager", "api": of_the_api}
    annotated = {(o["kind"], o["metadata"]["name"]): o["metadata"]["annotations"] for o in of_all_kinds(given)}
    own = {
        ("Deployment", "runtime-env-api"): {"team": "api"},
        **{(kind, name): generated.KEPT for kind, name in annotated if kind == "CustomResourceDefinition"},
        **{
            (kind, name): {"cert-manager.io/inject-ca-from": f"{chart.NAMESPACE}/runtime-env-webhook"}
            for kind, name in annotated
            if kind == "MutatingWebhookConfiguration"
        },
    }
    assert annotated == {identity: {**theirs, **own.get(identity, {})} for identity in annotated}


def test_an_empty_text_of_ones_own_wins_over_what_is_common() -> None:
    own = {"labels": {"team": ""}, "annotations": {"team": ""}}
    common = {name: {"team": "platform"} for name in ("commonLabels", "commonAnnotations")}
    found = chart.named(chart.rendered({**common, "webhook": own}), "Deployment", "runtime-env-webhook")["metadata"]
    assert (found["labels"]["team"], found["annotations"]) == ("", {"team": ""})


def test_labels_and_annotations_that_are_null_are_none() -> None:
    maps = [path for path in EFFECTS if re.search("(labels|annotations)$", path, re.IGNORECASE)]
    nothing: dict[str, Any] = dict.fromkeys([*maps, "global"])
    assert chart.rendered(combined(nothing, EVERYTHING)) == chart.rendered(EVERYTHING)


@pytest.mark.parametrize(
    ("openshift", "serving", "named"),
    [("auto", "", True), ("auto", OPENSHIFT, False), ("never", OPENSHIFT, True), ("always", "", False)],
)
def test_the_ids_are_left_to_openshift_where_it_is_there(openshift: str, serving: str, named: bool) -> None:
    for deployment in of(chart.rendered({"openshift": openshift}, serving=serving), "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        ids = {"runAsUser", "runAsGroup", "fsGroup"}
        assert pod["securityContext"].keys() == {"runAsNonRoot", "seccompProfile", *(ids if named else ())}
        assert not pod["containers"][0]["securityContext"].keys() & ids


def test_the_charts_own_registry_and_secrets_come_before_a_parents() -> None:
    theirs = {"imageRegistry": "theirs", "imagePullSecrets": ["ours", "theirs", {"name": "theirs"}]}
    values = {"global": theirs, "image": {"registry": "ours"}, "imagePullSecrets": [{"name": "ours"}]}
    pod = of(chart.rendered(values), "Deployment")[0]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"].startswith("ours/runtime-env:")
    assert pod["imagePullSecrets"] == [{"name": "ours"}, {"name": "theirs"}]


def test_certificates_are_written_as_cert_manager_writes_them_back() -> None:
    certificates = of(chart.rendered({"certificates": "cert-manager"}), "Certificate")
    assert len(certificates) == 2
    for spec in (certificate["spec"] for certificate in certificates):
        assert all(re.fullmatch(r"\d+h0m0s", spec[name]) for name in ("duration", "renewBefore"))
        assert spec["issuerRef"] == {"name": spec["issuerRef"]["name"], "kind": "Issuer", "group": "cert-manager.io"}


@pytest.mark.parametrize("name", ["webhook", "api"])
def test_an_autoscaler_is_not_told_how_many_replicas_there_are(name: str) -> None:
    objects = chart.rendered(combined({f"{name}.replicas": None}, {"api": ON}))
    assert "replicas" not in chart.named(objects, "Deployment", f"runtime-env-{name}")["spec"]


def test_the_rule_has_the_alerts_of_the_rule_file() -> None:
    [rule] = of(of_all_kinds({}), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((REPOSITORY / "deploy/monitoring/alerts.yaml").read_text())


def test_the_digest_takes_the_tags_place_behind_the_registry() -> None:
    digest = f"sha256:{'a' * 64}"
    objects = of_all_kinds({"image": {"registry": "mirror:5000/", "tag": "1.2", "digest": digest}})
    pods = [deployment["spec"]["template"]["spec"] for deployment in chart.of_kind(objects, "Deployment")]
    assert [pod["containers"][0]["image"] for pod in pods] == [f"mirror:5000/runtime-env@{digest}"] * 3


def test_every_process_and_selector_of_a_component_finds_its_own_pods_alone() -> None:
    objects = of_all_kinds({})
    pods = {d["metadata"]["name"]: d["spec"]["template"]["metadata"]["labels"] for d in of(objects, "Deployment")}
    assert len(pods) == 3
    for found in of(objects, "PodDisruptionBudget", "NetworkPolicy", "Service"):
        spec = found["spec"]
        selector = spec["selector" if found["kind"] == "Service" else _SELECTORS[found["kind"]]]
        labels = selector.get("matchLabels", selector).items()
        assert [name for name, own in pods.items() if labels <= own.items()] == [found["metadata"]["name"]]


_SELECTORS = {"PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}


def of(objects: list[Manifest], *kinds: str) -> list[Manifest]:
    return chart.of_kind(objects, *kinds)


def test_what_no_upgrade_can_change_stays_as_it_was_released() -> None:
    objects = of_all_kinds({"commonLabels": {"team": "platform"}})
    for deployment in of(objects, "Deployment"):
        assert deployment["spec"]["selector"]["matchLabels"] == {
            "app.kubernetes.io/name": "runtime-env",
            "app.kubernetes.io/instance": "runtime-env",
            "app.kubernetes.io/component": deployment["metadata"]["name"].removeprefix("runtime-env-"),
        }
    assert [found["value"] for found in of(objects, "PriorityClass")] == [1_000_000]


@pytest.mark.parametrize("own", [None, {"matchLabels": {"a": "b"}}], ids=["without", "with"])
def test_a_spread_constraint_counts_the_components_pods_unless_it_says_what(own: dict[str, Any] | None) -> None:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    wanted = {**constraint, **({"labelSelector": own} if own else {})}
    deployment = chart.named(
        chart.rendered({"webhook": {"topologySpreadConstraints": [wanted]}}), "Deployment", "runtime-env-webhook"
    )
    expected = own or {"matchLabels": deployment["spec"]["selector"]["matchLabels"]}
    assert deployment["spec"]["template"]["spec"]["topologySpreadConstraints"] == [
        {**constraint, "labelSelector": expected}
    ]


def test_webhooks_in_the_network_of_the_nodes_need_no_third_node_to_be_replaced() -> None:
    objects = chart.rendered({"webhook": {"hostNetwork": True, "ports": {"https": 10260}}})
    spec = chart.named(objects, "Deployment", "runtime-env-webhook")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    ports = {found["name"]: found["containerPort"] for found in spec["template"]["spec"]["containers"][0]["ports"]}
    assert ports == {"https": 10260, "probes": 8080}


@pytest.mark.parametrize(("tls", "port"), [("", 80), ("api-tls", 443)], ids=["http", "https"])
def test_the_api_is_asked_at_the_port_that_its_scheme_has(tls: str, port: int) -> None:
    objects = chart.rendered({"api": {"enabled": True, "tls": {"secretName": tls}}})
    assert chart.named(objects, "Service", "runtime-env-api")["spec"]["ports"][0]["port"] == port


def test_the_priority_class_is_made_where_a_process_names_it() -> None:
    theirs = {name: {"priorityClassName": "theirs"} for name in ("controller", "webhook")}
    assert chart.of_kind(chart.rendered({}), "PriorityClass")[0]["metadata"]["name"] == "runtime-env"
    assert chart.of_kind(chart.rendered(theirs), "PriorityClass") == []
    only_the_api = {**theirs, "api": {"enabled": True, "priorityClassName": "runtime-env"}}
    assert len(chart.of_kind(chart.rendered(only_the_api), "PriorityClass")) == 1
    assert chart.of_kind(chart.rendered({**only_the_api, "api": {"enabled": False}}), "PriorityClass") == []


def test_a_shut_network_leaves_open_what_must_be() -> None:
    objects = chart.rendered({"api": {"enabled": True}, **SHUT})
    policies = {p["metadata"]["name"]: p["spec"] for p in of(objects, "NetworkPolicy")}
    ingress = {name.removeprefix("runtime-env-"): spec.get("ingress", []) for name, spec in policies.items()}
    assert ingress == {
        "controller": [],
        "webhook": [{"ports": [{"protocol": "TCP", "port": 9443}]}],
        "api": [{"ports": [{"protocol": "TCP", "port": 8000}], "from": [{"namespaceSelector": {}}]}],
    }
    for spec in policies.values():
        assert spec["egress"] == [{"ports": [{"protocol": "TCP", "port": port} for port in (443, 6443)]}]


@pytest.mark.parametrize(
    "values",
    [
        {},
        EVERYTHING,
        {"certificates": "cert-manager", "injection": "policy"},
        {"podSecurityContext": {"fsGroup": None}},
    ],
    ids=["defaults", "everything", "cert-manager and policy", "null"],
)
def test_helm_3_and_helm_4_render_the_same(values: dict[str, Any]) -> None:
    by_3, by_4 = (
        {(found["kind"], found["metadata"]["name"]): found for found in chart.rendered(values, program=program)}
        for program in ("helm3", "helm")
    )
    assert by_3 == by_4


@pytest.mark.parametrize("program", chart.HELMS)
@pytest.mark.parametrize("switch", [None, "api.enabled=true", "certificates=cert-manager", "injection=policy"])
def test_helm_lints_the_chart(program: str, switch: str | None) -> None:
    options = [f"--set={switch}"] if switch else []
    said = chart.helm("lint", "--strict", str(chart.CHART), "--kube-version=1.37.2", *options, program=program)
    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


def test_a_kubernetes_older_than_the_operator_needs_is_refused() -> None:
    with pytest.raises(ChartFailed, match=r"chart requires kubeVersion: >=1\.32\.0-0"):
        chart.rendered({}, kubernetes="1.31.9")
    assert chart.rendered({}, kubernetes="1.32.0")
