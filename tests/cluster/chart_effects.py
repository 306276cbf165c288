"""For every value of the chart: what it may be set to, and what must then be rendered, where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.builders import Manifest
from tests.chart_values import COMPONENTS
from tests.kube import chart

Look = Callable[[Sequence[Manifest]], Any]
TEMPLATE = ("spec", "template")
POD = (*TEMPLATE, "spec")
CONTAINER = (*POD, "containers", 0)
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
SHUT: dict[str, Any] = {"networkPolicy": {"enabled": True}}
PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
DNS = {"ports": [{"protocol": "UDP", "port": 53}]}
ZONES = {"maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}


@dataclass(frozen=True)
class Effect:
    """Given this value, and others beside it that it takes effect with, `look` finds what is expected."""

    given: Any
    look: Look
    expected: Any
    beside: dict[str, Any] = field(default_factory=dict)


def at(kind: str, name: str, *keys: str | int) -> Look:
    """What stands in one object; None where there is nothing."""

    def look(objects: Sequence[Manifest]) -> Any:
        found: Any = next((o for o in chart.of_kind(objects, kind) if o["metadata"]["name"] == name), None)
        for key in keys:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    return look


def each(*keys: str | int) -> Look:
    """The same in the Deployments of controller and webhook: one answer, since they must agree."""

    def look(objects: Sequence[Manifest]) -> Any:
        first, second = (at("Deployment", f"runtime-env-{name}", *keys)(objects) for name in ("controller", "webhook"))
        assert first == second
        return first

    return look


def setting(name: str, component: str = "controller") -> Look:
    """One environment variable that the chart sets."""
    deployment = at("Deployment", f"runtime-env-{component}")
    return lambda objects: chart.settings(deployment(objects)).get(f"RUNTIME_ENV_{name}")


def of_component(name: str) -> dict[str, Effect]:
    """The values that every component has."""
    beside = {"api": {"enabled": True}} if name == "api" else {}

    def deployment(*keys: str | int) -> Look:
        return at("Deployment", f"runtime-env-{name}", *keys)

    budget = at("PodDisruptionBudget", f"runtime-env-{name}", "spec", "maxUnavailable")
    account = at("ServiceAccount", f"runtime-env-{name}", "metadata", "annotations")
    variable, volume = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}, {"name": "scratch", "emptyDir": {}}
    mount, taint = {"name": "scratch", "mountPath": "/scratch"}, {"key": "spot", "operator": "Exists"}
    apart = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"team": "platform"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    pairs = {"team": "platform"}
    found = {
        "replicas": (5, deployment("spec", "replicas"), 5),
        "resources": ({"limits": {"cpu": "2"}}, deployment(*CONTAINER, "resources", "limits", "cpu"), "2"),
        "labels": (pairs, deployment("metadata", "labels", "team"), "platform"),
        "annotations": (pairs, deployment("metadata", "annotations"), pairs),
        "podLabels": (pairs, deployment(*TEMPLATE, "metadata", "labels", "team"), "platform"),
        "podAnnotations": (pairs, deployment(*TEMPLATE, "metadata", "annotations"), pairs),
        "serviceAccount.annotations": (pairs, account, pairs),
        "extraEnv": ([variable], deployment(*CONTAINER, "env", -1), variable),
        "extraVolumes": ([volume], deployment(*POD, "volumes", -1), volume),
        "extraVolumeMounts": ([mount], deployment(*CONTAINER, "volumeMounts", -1), mount),
        "nodeSelector": (pairs, deployment(*POD, "nodeSelector"), {"kubernetes.io/os": "linux", **pairs}),
        "tolerations": ([taint], deployment(*POD, "tolerations"), [taint]),
        "affinity": (affinity, deployment(*POD, "affinity"), affinity),
        "topologySpreadConstraints": ([ZONES], deployment(*POD, "topologySpreadConstraints", 0, "maxSkew"), 2),
        "priorityClassName": ("123", deployment(*POD, "priorityClassName"), "123"),
        "podDisruptionBudget.enabled": (False, budget, None),
        "podDisruptionBudget.maxUnavailable": ("50%", budget, "50%"),
    }
    return {f"{name}.{path}": Effect(*effect, beside) for path, effect in found.items()}


def of_the_api() -> dict[str, Effect]:
    """The API's own."""
    service = ("Service", "runtime-env-api")
    secret = at("Deployment", "runtime-env-api", *POD, "volumes", -1, "secret", "secretName")
    annotations = at(*service, "metadata", "annotations")
    balanced = {"api": {"enabled": True, "service": {"type": "LoadBalancer"}}}
    found = {
        "service.type": ("LoadBalancer", at(*service, "spec", "type"), "LoadBalancer"),
        "service.annotations": ({"cloud": "internal"}, annotations, {"cloud": "internal"}),
        "service.port": (443, at(*service, "spec", "ports", 0, "port"), 443),
        "tls.secretName": ("123", secret, "123"),
        "keyRate": (7, setting("API_KEY_RATE", "api"), "7"),
        "addressRate": (8, setting("API_ADDRESS_RATE", "api"), "8"),
        "forwardedAllowIps": (["10.0.0.0/8", "::1"], setting("FORWARDED_ALLOW_IPS", "api"), "10.0.0.0/8,::1"),
    }
    of_balancers = {
        "nodePort": (30080, ("ports", 0, "nodePort")),
        "loadBalancerClass": ("123", ("loadBalancerClass",)),
        "loadBalancerSourceRanges": (["10.0.0.0/8"], ("loadBalancerSourceRanges",)),
        "externalTrafficPolicy": ("Local", ("externalTrafficPolicy",)),
    }
    on = {"api": {"enabled": True}}
    enabled = Effect(True, at("Service", "runtime-env-api", "kind"), "Service")
    return {
        "api.enabled": enabled,
        **{f"api.{path}": Effect(*effect, on) for path, effect in found.items()},
        **{
            f"api.service.{path}": Effect(given, at(*service, "spec", *keys), given, balanced)
            for path, (given, keys) in of_balancers.items()
        },
    }


def of_the_ingress() -> dict[str, Effect]:
    """What stands before the API."""
    ingress = ("Ingress", "runtime-env-api")
    host, certificate = "env.example.org", {"secretName": "env-tls", "hosts": ["env.example.org"]}
    rule, annotations = ("spec", "rules", 0), {"class": "theirs"}
    off = {"api": {"enabled": True, "ingress": {"hosts": [host]}}}
    on = {"api": {"enabled": True, "ingress": {"enabled": True, "hosts": [host]}}}
    return {
        "api.ingress.enabled": Effect(True, at(*ingress, "kind"), "Ingress", off),
        "api.ingress.className": Effect("true", at(*ingress, "spec", "ingressClassName"), "true", on),
        "api.ingress.annotations": Effect(annotations, at(*ingress, "metadata", "annotations"), annotations, on),
        "api.ingress.hosts": Effect(["*.example.org"], at(*ingress, *rule, "host"), "*.example.org", on),
        "api.ingress.tls": Effect([certificate], at(*ingress, "spec", "tls"), [certificate], on),
    }


def of_networks() -> dict[str, Effect]:
    """What is open and shut, and who scrapes."""
    open_for = ("NetworkPolicy", "runtime-env-api", "spec", "ingress", 0, "from")
    policy = ("NetworkPolicy", "runtime-env-controller", "spec")
    block = [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
    monitor, spec = ("PodMonitor", "runtime-env"), ("spec", "podMetricsEndpoints", 0)
    scraped = {"metrics": {"podMonitor": {"enabled": True}}}
    rules, ruled = ("PrometheusRule", "runtime-env"), {"metrics": {"prometheusRule": {"enabled": True}}}
    group = ("spec", "groups", 0, "name")
    return {
        "networkPolicy.enabled": Effect(True, at(*policy, "policyTypes"), ["Ingress", "Egress"]),
        "networkPolicy.metricsFrom": Effect(PEERS, at(*policy, "ingress", 0, "from"), PEERS, SHUT),
        "networkPolicy.apiFrom": Effect(PEERS, at(*open_for), PEERS, {**SHUT, "api": {"enabled": True}}),
        "networkPolicy.apiServer.cidrs": Effect(["10.0.0.1/32"], at(*policy, "egress", 0, "to"), block, SHUT),
        "networkPolicy.apiServer.ports": Effect([16443], at(*policy, "egress", 0, "ports", 0, "port"), 16443, SHUT),
        "networkPolicy.extraEgress": Effect([DNS], at(*policy, "egress", 1), DNS, SHUT),
        "metrics.podMonitor.enabled": Effect(True, at(*monitor, *spec, "path"), "/metrics"),
        "metrics.podMonitor.labels": Effect({"a": "b"}, at(*monitor, "metadata", "labels", "a"), "b", scraped),
        "metrics.podMonitor.interval": Effect("1m", at(*monitor, *spec, "interval"), "1m", scraped),
        "metrics.prometheusRule.enabled": Effect(True, at(*rules, *group), "runtime-env"),
        "metrics.prometheusRule.labels": Effect({"a": "b"}, at(*rules, "metadata", "labels", "a"), "b", ruled),
    }


def of_images() -> dict[str, Effect]:
    """Where the image of controller and webhook comes from."""
    image, pulled = each(*CONTAINER, "image"), [{"name": "registry"}]
    return {
        "global.imageRegistry": Effect("theirs:5000", image, "theirs:5000/runtime-env:0.1.0"),
        "global.imagePullSecrets": Effect(["registry"], each(*POD, "imagePullSecrets"), pulled),
        "image.registry": Effect("mirror:5000", image, "mirror:5000/runtime-env:0.1.0"),
        "image.repository": Effect("a/b", image, "a/b:0.1.0"),
        "image.tag": Effect("9.9", image, "runtime-env:9.9"),
        "image.digest": Effect(DIGEST, image, f"runtime-env@{DIGEST}"),
        "image.pullPolicy": Effect("Never", each(*CONTAINER, "imagePullPolicy"), "Never"),
        "imagePullSecrets": Effect(pulled, each(*POD, "imagePullSecrets"), pulled),
    }


def of_all() -> dict[str, Effect]:
    """What else concerns controller and webhook alike."""
    user = each(*POD, "securityContext", "runAsUser")
    sealing, injecting = (("MutatingWebhookConfiguration", name) for name in ("00-runtime-env", "runtime-env"))
    hook, selector = ("webhooks", 0, "timeoutSeconds"), ("webhooks", 0, "objectSelector", "matchExpressions", 0, "key")
    issuer = at("Certificate", "runtime-env-webhook", "spec", "issuerRef")
    ours = {"name": "ours", "kind": "ClusterIssuer"}
    excused = {"admissions.enforcer/disabled": "true"}
    role = at("ClusterRole", "runtime-env-view", "metadata", "labels", "rbac.authorization.k8s.io/aggregate-to-view")
    privileges = each(*CONTAINER, "securityContext", "readOnlyRootFilesystem")
    policy = at("MutatingAdmissionPolicy", "runtime-env-injection", "kind")
    return {
        "commonLabels": Effect({"team": "a"}, each(*TEMPLATE, "metadata", "labels", "team"), "a"),
        "commonAnnotations": Effect({"team": "a"}, each("metadata", "annotations", "team"), "a"),
        "rbac.aggregateClusterRoles": Effect(False, role, None),
        "revisionHistoryLimit": Effect(0, each("spec", "revisionHistoryLimit"), 0),
        "podDomain": Effect("users.io", at(*injecting, *selector), "users.io/target"),
        "plaintextPolicy": Effect("Deny", setting("PLAINTEXT_POLICY", "webhook"), "Deny"),
        "reservedNames.allowed": Effect(["PATH"], setting("ALLOWED_NAMES"), "PATH"),
        "certificates": Effect("cert-manager", setting("CERTIFICATES"), "external"),
        "certManager.issuerRef": Effect(ours, issuer, ours, {"certificates": "cert-manager"}),
        "injection": Effect("policy", policy, "MutatingAdmissionPolicy"),
        "onDemandTtl": Effect(60, setting("ON_DEMAND_TTL"), "60"),
        "logLevel": Effect("debug", setting("LOG_LEVEL"), "debug"),
        "openshift": Effect("always", user, None),
        "podSecurityContext": Effect({"runAsUser": None}, user, None),
        "securityContext": Effect({"readOnlyRootFilesystem": False}, privileges, False),
        "webhook.configurationAnnotations": Effect(excused, at(*sealing, "metadata", "annotations"), excused),
        "webhook.hostNetwork": Effect(True, at("Deployment", "runtime-env-webhook", *POD, "hostNetwork"), True),
        "webhook.ports.https": Effect(10260, setting("WEBHOOK_PORT", "webhook"), "10260"),
        "webhook.ports.probes": Effect(10261, setting("PROBE_PORT", "webhook"), "10261"),
        "webhook.timeoutSeconds.inject": Effect(4, at(*injecting, *hook), 4),
        "webhook.timeoutSeconds.seal": Effect(9, at(*sealing, *hook), 9),
    }


EFFECTS: dict[str, Effect] = {
    **of_images(),
    **of_all(),
    **of_networks(),
    **of_the_api(),
    **of_the_ingress(),
    **{path: effect for name in COMPONENTS for path, effect in of_component(name).items()},
}
