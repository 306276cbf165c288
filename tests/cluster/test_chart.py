"""The chart: what it renders, and what the people and processes of its roles may do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtimeenv.core import names
from tests import generated
from tests.cluster.homes import API
from tests.cluster.writes import accepted, create
from tests.kube import chart
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster

CONTROLLER = f"system:serviceaccount:{NAMESPACE}:runtime-env-controller"
WEBHOOK = f"system:serviceaccount:{NAMESPACE}:runtime-env-webhook"
ANYBODY = "a-user-with-no-role"
WITH_API: dict[str, Any] = {"api": {"enabled": True}}

# verb, resource, namespace ("" for all)
MAY: dict[str, list[str]] = {
    CONTROLLER: [
        "watch runtimeenvvars.runtime.miosa.ai",
        "update runtimeenvvars.runtime.miosa.ai --subresource=status",
        "create runtimeenvs.runtime.miosa.ai",
        "delete runtimeenvs.runtime.miosa.ai",
        "patch runtimeenvs.runtime.miosa.ai --subresource=status",
        "get secrets",
        "watch secrets",
        "create secrets",
        "update secrets",
        "delete secrets",
        "watch namespaces",
        "list pods",
        "create events.events.k8s.io",
        "watch mutatingwebhookconfigurations/runtime-env",
        "patch mutatingwebhookconfigurations/00-runtime-env",
        f"create leases -n {NAMESPACE}",
        f"update leases/runtime-env-controller -n {NAMESPACE}",
        f"create configmaps -n {NAMESPACE}",
        f"update configmaps/runtime-env-public-key -n {NAMESPACE}",
    ],
    WEBHOOK: [
        *(f"{verb} namespaces" for verb in ("get", "list", "watch")),
        "get mutatingwebhookconfigurations/00-runtime-env",
        "get mutatingwebhookconfigurations/runtime-env",
    ],
    API: [
        *(f"{verb} namespaces" for verb in ("get", "list", "watch")),
        *(f"{verb} runtimeenvvars.{names.GROUP}" for verb in ("get", "list", "watch", "create", "patch", "delete")),
        f"get secrets/runtime-env-api-keys -n {NAMESPACE}",
        f"get secrets/runtime-env-api-hash-key -n {NAMESPACE}",
    ],
    ANYBODY: [f"get configmaps/runtime-env-public-key -n {NAMESPACE}"],
}
MAY_NOT: dict[str, list[str]] = {
    CONTROLLER: [
        "update runtimeenvvars.runtime.miosa.ai",
        "delete runtimeenvvars.runtime.miosa.ai",
        "patch runtimeenvvars.runtime.miosa.ai --subresource=status",
        "update runtimeenvs.runtime.miosa.ai --subresource=status",
        "get runtimeenvs.runtime.miosa.ai",
        "get pods",
        "list customresourcedefinitions",
        "create events",
        "patch events.events.k8s.io",
        f"patch leases/runtime-env-controller -n {NAMESPACE}",
        f"patch configmaps/runtime-env-public-key -n {NAMESPACE}",
        "update namespaces",
        "create pods",
        "enroll tenants.runtime.miosa.ai/acme",
        "patch mutatingwebhookconfigurations/another",
        "patch validatingadmissionpolicies",
        "create leases -n default",
        "create configmaps -n default",
        f"update configmaps/another -n {NAMESPACE}",
        "impersonate users",
    ],
    WEBHOOK: [
        "get secrets",
        f"get secrets/runtime-env-keyring -n {NAMESPACE}",
        f"get secrets/runtime-env-compare-keys -n {NAMESPACE}",
        "list runtimeenvvars.runtime.miosa.ai",
        "get mutatingwebhookconfigurations/another",
        "patch mutatingwebhookconfigurations/runtime-env",
        "get pods",
        "update namespaces",
        "create events",
    ],
    API: [
        "get secrets",
        f"list secrets -n {NAMESPACE}",
        f"watch secrets/runtime-env-api-keys -n {NAMESPACE}",
        f"update secrets/runtime-env-api-keys -n {NAMESPACE}",
        f"create secrets -n {NAMESPACE}",
        f"get secrets/runtime-env-keyring -n {NAMESPACE}",
        "get secrets/runtime-env-api-keys -n default",
        f"get configmaps -n {NAMESPACE}",
        "update runtimeenvvars.runtime.miosa.ai",
        "deletecollection runtimeenvvars.runtime.miosa.ai",
        "patch runtimeenvvars.runtime.miosa.ai --subresource=status",
        "get runtimeenvs.runtime.miosa.ai",
        "get pods",
        "update namespaces",
        "enroll tenants.runtime.miosa.ai/acme",
        "create events",
    ],
    ANYBODY: [
        f"get configmaps/another -n {NAMESPACE}",
        f"list configmaps -n {NAMESPACE}",
        f"update configmaps/runtime-env-public-key -n {NAMESPACE}",
        f"get secrets/runtime-env-keyring -n {NAMESPACE}",
    ],
}


def can(cluster: Cluster, user: str, action: str) -> bool:
    return cluster.kubectl("auth", "can-i", *action.split(), user=user, check=False).out.strip().endswith("yes")


@pytest.mark.parametrize("user", MAY, ids=lambda user: user.rpartition(":")[2])
def test_each_process_may_do_what_it_must_and_no_more(policies: Cluster, user: str) -> None:
    assert [action for action in MAY[user] if not can(policies, user, action)] == []
    assert [action for action in MAY_NOT[user] if can(policies, user, action)] == []


@pytest.mark.parametrize(("role", "writes"), [("view", False), ("edit", True), ("admin", True)])
def test_kubernetes_own_roles_reach_both_kinds(policies: Cluster, role: str, writes: bool) -> None:
    rules = policies.get_json("clusterrole", role)["rules"]
    for resource in ("runtimeenvvars", "runtimeenvs"):
        verbs = {v for rule in rules if resource in rule.get("resources", []) for v in rule["verbs"]}
        assert {"get", "list", "watch"} <= verbs
        assert ("create" in verbs) is writes
    assert not [rule for rule in rules if "tenants" in rule.get("resources", [])]


@pytest.mark.parametrize("made", [generated.installation, generated.alerts])
def test_what_was_made_of_the_chart_or_for_it_is_up_to_date(made: Callable[[], tuple[Path, str]]) -> None:
    path, text = made()
    assert path.read_text() == text


def test_the_installation_without_helm_does_not_say_that_helm_manages_it() -> None:
    assert "Helm" not in generated.installation()[1]


def test_the_pods_domain_reaches_webhook_policies_and_processes_alike() -> None:
    objects = chart.rendered({"podDomain": "sandbox.users.io"})
    injecting = chart.named(objects, "MutatingWebhookConfiguration", "runtime-env")["webhooks"][0]["objectSelector"]
    policy = chart.named(objects, "ValidatingAdmissionPolicy", "runtime-env-pods")
    keys = {"sandbox.users.io/target", "sandbox.users.io/inject"}
    assert {expression["key"] for expression in injecting["matchExpressions"]} == keys
    assert policy["spec"]["matchConstraints"]["objectSelector"] == injecting
    assert "runtime.miosa.ai/target" not in json.dumps(policy)
    for process in chart.of_kind(objects, "Deployment"):
        assert chart.settings(process)["RUNTIME_ENV_POD_DOMAIN"] == "sandbox.users.io"


def test_the_values_become_the_processes_settings() -> None:
    given = {
        "plaintextPolicy": "Deny",
        "reservedNames": {"allowed": ["PATH", "HOME"]},
        "onDemandTtl": 60,
        "certificates": "cert-manager",
        "logLevel": "debug",
    }
    for process in chart.of_kind(chart.rendered(given), "Deployment"):
        webhook = process["metadata"]["name"] == "runtime-env-webhook"
        ports = {"RUNTIME_ENV_WEBHOOK_PORT": "9443", "RUNTIME_ENV_PROBE_PORT": "8080"} if webhook else {}
        assert chart.settings(process) == {
            "RUNTIME_ENV_POD_DOMAIN": "runtime.miosa.ai",
            "RUNTIME_ENV_PLAINTEXT_POLICY": "Deny",
            "RUNTIME_ENV_ALLOWED_NAMES": "PATH,HOME",
            "RUNTIME_ENV_ON_DEMAND_TTL": "60",
            "RUNTIME_ENV_CERTIFICATES": "external",
            "RUNTIME_ENV_LOG_LEVEL": "debug",
            **ports,
        }


def test_an_allowed_name_leaves_the_policy() -> None:
    objects = chart.rendered({"reservedNames": {"allowed": ["PATH"]}})
    reserved = chart.named(objects, "ValidatingAdmissionPolicy", "runtime-env-variables")["spec"]["variables"]
    expression = next(variable["expression"] for variable in reserved if variable["name"] == "reserved")
    assert expression.startswith("!(object.spec.name in ['PATH'])")


def test_with_cert_manager_the_operator_writes_no_webhook_configuration() -> None:
    objects = chart.rendered({"certificates": "cert-manager"})
    rules = chart.named(objects, "ClusterRole", "runtime-env-controller")["rules"]
    assert "admissionregistration.k8s.io" not in json.dumps(rules)
    for configuration in chart.of_kind(objects, "MutatingWebhookConfiguration"):
        source = configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
        assert source == f"{NAMESPACE}/runtime-env-webhook"
    certificate = chart.named(objects, "Certificate", "runtime-env-webhook")["spec"]
    assert (certificate["secretName"], certificate["privateKey"]["algorithm"]) == ("runtime-env-webhook-tls", "ECDSA")


def test_neither_an_uninstall_nor_a_prune_takes_what_all_values_hang_on() -> None:
    [namespace] = chart.of_kind(list(yaml.safe_load_all(generated.installation()[1])), "Namespace")
    assert namespace["metadata"]["annotations"] == generated.KEPT
    for definition in chart.of_kind(chart.rendered({}), "CustomResourceDefinition"):
        assert definition["metadata"]["annotations"] == generated.KEPT


def test_no_namespace_is_excluded_and_a_failing_webhook_fails_the_write() -> None:
    objects = chart.rendered(WITH_API)
    hooks = [hook for c in chart.of_kind(objects, "MutatingWebhookConfiguration") for hook in c["webhooks"]]
    assert [("namespaceSelector" in hook, hook["failurePolicy"], hook["sideEffects"]) for hook in hooks] == [
        (False, "Fail", "None")
    ] * 2
    for policy in chart.of_kind(objects, "ValidatingAdmissionPolicy"):
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert policy["spec"]["matchConstraints"]["namespaceSelector"] == {}, "all namespaces"
    for binding in chart.of_kind(objects, "ValidatingAdmissionPolicyBinding"):
        assert binding["spec"] == {"policyName": binding["metadata"]["name"], "validationActions": ["Deny"]}


def test_the_pods_pass_the_restricted_pod_security_standard(policies: Cluster) -> None:
    policies.kubectl("label", "namespace", NAMESPACE, "--overwrite", "pod-security.kubernetes.io/enforce=restricted")
    objects = chart.rendered(WITH_API)
    chart.apply(policies, chart.of_kind(objects, "PriorityClass"))
    for process in chart.of_kind(objects, "Deployment"):
        template = process["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {**template["metadata"], "name": "probe", "namespace": NAMESPACE}
        accepted(create(policies, pod))
