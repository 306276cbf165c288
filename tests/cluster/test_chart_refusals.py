"""What the chart refuses: a typo at any depth, a value of the wrong type, and what can't work, with the mend."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.chart_values import documented
from tests.cluster.chart_effects import EFFECTS
from tests.cluster.chart_modes import combined
from tests.kube import chart
from tests.kube.chart import ChartFailed

OURS = "app.kubernetes.io/component"
TARGET = "runtime.miosa.ai/target"
TAKEN = {"name": "tls", "emptyDir": {}}


def of_service(**values: Any) -> dict[str, Any]:
    """The API's Service with these values."""
    return {"api": {"enabled": True, "service": values}}


# A dotted path, and what makes no sense there.
WRONG: list[tuple[str, Any]] = [
    ("pod_domain", "a.b"),
    ("nameOverride", "another"),
    ("image.regsitry", "mirror"),
    ("global.imageRegistry", 5000),
    ("global.imagePullSecrets", [{"secret": "registry"}]),
    ("image.repository", ""),
    ("image.repository", "a@b"),
    ("image.tag", 1.2),
    ("image.tag", "a b"),
    ("image.digest", "sha256:0123"),
    ("image.pullPolicy", "Sometimes"),
    ("imagePullSecrets", ["registry"]),
    ("imagePullSecrets", [{"secret": "registry"}]),
    ("commonLabels", {"a": "not a label!"}),
    ("commonLabels", {"a": 1}),
    ("commonAnnotations", {"a": True}),
    ("rbac.create", False),
    ("revisionHistoryLimit", -1),
    ("podDomain", "Not_A_Domain"),
    ("plaintextPolicy", "Maybe"),
    ("reservedNames.allow", []),
    ("reservedNames.allowed", ["path"]),
    ("certificates", "none"),
    ("certManager.issuerRef", {"names": "ours"}),
    ("certManager.issuerRef", {"kind": "ClusterIssuer"}),
    ("injection", "sidecar"),
    ("onDemandTtl", -1),
    ("logLevel", "trace"),
    ("openshift", True),
    ("podSecurityContext", {"runasuser": 1}),
    ("podSecurityContext", {"seccompProfile": {"kind": "RuntimeDefault"}}),
    ("securityContext", {"runAsUser": "root"}),
    ("securityContext", {"capabilities": {"drops": ["ALL"]}}),
    ("networkPolicy.enable", True),
    ("networkPolicy.metricsFrom", [{"namespace": "monitoring"}]),
    ("networkPolicy.apiFrom", [{}]),
    ("networkPolicy.apiServer.cidrs", ["10.0.0.1"]),
    ("networkPolicy.apiServer.ports", []),
    ("networkPolicy.extraEgress", [{"port": 53}]),
    ("metrics.serviceMonitor", {"enabled": True}),
    ("metrics.podMonitor.interval", "often"),
    ("metrics.prometheusRule.rules", []),
    ("api.enabled", "yes"),
    ("api.enable", True),
    ("api.keyRate", 0),
    ("api.service.port", 0),
    ("api.service.type", "ExternalName"),
    ("api.service.nodePort", 70000),
    ("api.service.loadBalancerSourceRanges", ["10.0.0.1"]),
    ("api.service.externalTrafficPolicy", "local"),
    ("api.ingress.host", "env.example.org"),
    ("api.ingress.hosts", ["https://env.example.org"]),
    ("api.ingress.hosts", ["10.0.0.1"]),
    ("api.ingress.tls", [{}]),
    ("api.ingress.tls", [{"host": "env.example.org"}]),
    ("api.tls.secret", "tls"),
    ("api.forwardedAllowIps", "10.0.0.0/8"),
    ("api.forwardedAllowIps", ["proxy.example"]),
    ("webhook.failurePolicy", "Ignore"),
    ("webhook.configurationAnnotations", {"admissions.enforcer/disabled": True}),
    ("webhook.replicas", "many"),
    ("webhook.ports.https", 443),
    ("webhook.timeoutSeconds.inject", 1),
    ("webhook.timeoutSeconds.seal", 31),
    *(
        (f"controller.{path}", wrong)  # as the other components'
        for path, wrong in {
            "replica": 1,
            "replicas": "2",
            "resources": {"request": {"cpu": "1"}},
            "resources.limits": {"memory": "1 GB"},
            "resources.requests": {"mem": "1Gi"},
            "podLabels": {"a": True},
            "serviceAccount.name": "mine",
            "extraEnv": [{"name": "A", "values": "b"}],
            "extraVolumes": [{"name": "a", "secrets": {}}],
            "extraVolumeMounts": [{"name": "a"}],
            "tolerations": [{"key": "a", "effects": "NoSchedule"}],
            "affinity": {"nodeAffinty": {}},
            "affinity.podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topology": "zone"}]},
            "topologySpreadConstraints": [{"topologyKey": "zone"}],
            "priorityClassName": 1000,
            "podDisruptionBudget.minAvailable": 1,
            "podDisruptionBudget.maxUnavailable": 0,
            "podDisruptionBudget": {"maxUnavailable": "0%"},
        }.items()
    ),
]

# What each value allows alone, and the message that it is refused with.
IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"certManager": {"issuerRef": {"name": "ours"}}}, "certManager.issuerRef is for certificates: cert-manager; set"),
    (
        {"networkPolicy": {"enabled": True}, "metrics": {"podMonitor": {"enabled": True}}},
        "metrics.podMonitor needs networkPolicy.metricsFrom: name your Prometheus there",
    ),
    (
        {"networkPolicy": {"enabled": True}, "metrics": {"prometheusRule": {"enabled": True}}},
        "metrics.prometheusRule needs networkPolicy.metricsFrom: name your Prometheus there",
    ),
    ({"commonLabels": {TARGET: "agent"}}, f"commonLabels can't have {TARGET}: the operator's own pods"),
    ({"webhook": {"podLabels": {TARGET: "agent"}}}, f"webhook.podLabels can't have {TARGET}: the operator's own pods"),
    ({"podDomain": "a.b", "api": {"podLabels": {"a.b/target": "x"}}}, "api.podLabels can't have a.b/target"),
    ({"commonLabels": {OURS: "mine"}}, f"commonLabels can't have {OURS}, which the chart sets itself: choose another"),
    ({"controller": {"labels": {OURS: "mine"}}}, f"controller.labels can't have {OURS}, which the chart sets itself"),
    ({"controller": {"extraEnv": [{"name": "RUNTIME_ENV_LOG_LEVEL"}]}}, "set the value that it stands for"),
    (of_service(loadBalancerClass="theirs"), "loadBalancerSourceRanges are for type: LoadBalancer; set that too"),
    (of_service(type="NodePort", loadBalancerSourceRanges=["10.0.0.0/8"]), "are for type: LoadBalancer; set that"),
    (of_service(nodePort=30080), "externalTrafficPolicy are for type: NodePort or LoadBalancer; set that too"),
    (
        of_service(externalTrafficPolicy="Local"),
        "api.service.nodePort and externalTrafficPolicy are for type: NodePort",
    ),
    ({"api": {"ingress": {"enabled": True, "hosts": ["a.b"]}}}, "api.ingress needs api.enabled: true; set that too"),
    ({"api": {"enabled": True, "ingress": {"enabled": True}}}, "api.ingress needs api.ingress.hosts: name the hosts"),
    ({"metrics": {"prometheusRule": {"labels": {OURS: "x"}}}}, f"metrics.prometheusRule.labels can't have {OURS}"),
    ({"webhook": {"extraVolumes": [TAKEN]}}, "webhook.extraVolumes can't have the name tls, which the chart uses"),
]


@pytest.mark.parametrize(("path", "wrong"), WRONG, ids=[f"{path}={wrong}" for path, wrong in WRONG])
def test_a_value_that_means_nothing_is_refused(path: str, wrong: Any) -> None:
    with pytest.raises(ChartFailed, match="specifications of the schema"):
        chart.rendered(combined({path: wrong}))


def test_a_typo_is_refused_beside_every_value() -> None:
    places = {value.path.rpartition(".")[0] for value in documented()} - {"global"}  # where a parent keeps its own
    refused = told(combined({f"{place}.typo".lstrip("."): 1 for place in places}))
    assert refused == {(pointer(place), "additional properties 'typo' not allowed") for place in places}


def test_no_value_may_be_of_any_type() -> None:
    wrong = {path: "x" if isinstance(effect.given, list) else ["x"] for path, effect in EFFECTS.items()}
    assert {pointer(path) for path in wrong} <= {place for place, _ in told(combined(wrong))}


def pointer(path: str) -> str:
    return f"/{path.replace('.', '/')}".rstrip("/")


def told(values: dict[str, Any]) -> set[tuple[str, str]]:
    """Where the schema says that something is wrong, and what; the places around it left out."""
    with pytest.raises(ChartFailed) as failed:
        chart.rendered(values)
    found = re.findall(r"^ *- at '(.*?)': (.*)$", str(failed.value), re.MULTILINE)
    return {(place, what) for place, what in found if what != "validation failed"}


@pytest.mark.parametrize(("values", "message"), IMPOSSIBLE, ids=[message for _, message in IMPOSSIBLE])
def test_what_can_not_work_is_refused_with_the_mend(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ChartFailed) as failed:
        chart.rendered(values)
    assert message in str(failed.value)


def test_the_policy_of_injection_is_refused_where_kubernetes_has_none() -> None:
    with pytest.raises(ChartFailed, match=r"needs Kubernetes 1\.36 or newer; use injection: webhook"):
        chart.rendered({"injection": "policy"}, kubernetes="1.35.9")
    assert chart.rendered({"injection": "policy"}, kubernetes="1.36.0")


def test_helm_3_refuses_a_typo_too() -> None:
    with pytest.raises(ChartFailed, match="replica"):
        chart.rendered({"webhook": {"replica": 1}}, program="helm3")


@pytest.mark.parametrize("theirs", [{"global": {"region": "eu"}}, {"enabled": True}], ids=["globals", "a condition"])
def test_the_values_of_a_parent_chart_may_have_what_is_the_parents(theirs: dict[str, Any]) -> None:
    assert chart.rendered(theirs) == chart.rendered({})


@pytest.mark.parametrize("program", chart.HELMS)
def test_as_a_part_of_another_chart_it_pulls_from_the_registry_of_all(tmp_path: Path, program: str) -> None:
    metadata = {"apiVersion": "v2", "name": "parent", "version": "0.1.0"}
    parent = {"global": {"imageRegistry": "theirs", "more": 1}, "runtime-env": {"enabled": True, "commonLabels": None}}
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts/runtime-env").symlink_to(chart.CHART)
    (tmp_path / "Chart.yaml").write_text(json.dumps(metadata))
    (tmp_path / "values.yaml").write_text(json.dumps(parent))
    text = chart.helm("template", "runtime-env", str(tmp_path), "--kube-version=1.37.2", program=program)
    assert set(re.findall(r"image: (\S+)/runtime-env:", text)) == {"theirs"}
