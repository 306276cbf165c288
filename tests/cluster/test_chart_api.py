"""What the chart renders for the REST API, and that it renders nothing of it unless asked."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.core import names
from runtimeenv.settings import Settings
from tests.builders import Manifest
from tests.kube import chart
from tests.kube.chart import NAMESPACE

WITH_API: dict[str, Any] = {"api": {"enabled": True}}


def granted(objects: list[Manifest], account: str) -> dict[tuple[str, str], set[tuple[str, ...]]]:
    """Each (API group, resource) with what bindings let an account do with it: verb, then names if they are limited."""
    bindings = chart.of_kind(objects, "ClusterRoleBinding", "RoleBinding")
    bound = [b["roleRef"] for b in bindings if account in {subject["name"] for subject in b["subjects"]}]
    found: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for rule in (rule for ref in bound for rule in chart.named(objects, ref["kind"], ref["name"])["rules"]):
        for key in ((group, resource) for group in rule["apiGroups"] for resource in rule["resources"]):
            found.setdefault(key, set()).update((verb, *rule.get("resourceNames", ())) for verb in rule["verbs"])
    return found


def test_the_api_reads_and_writes_variables_and_two_secrets_and_that_is_all() -> None:
    objects = chart.rendered(WITH_API)
    assert granted(objects, "runtime-env-api") == {
        (names.GROUP, "runtimeenvvars"): {(v,) for v in ("get", "list", "watch", "create", "patch", "delete")},
        ("", "namespaces"): {("get",), ("list",), ("watch",)},
        ("", "secrets"): {("get", "runtime-env-api-keys", "runtime-env-api-hash-key")},
    }
    assert chart.named(objects, "RoleBinding", "runtime-env-api")["metadata"]["namespace"] == NAMESPACE
    assert chart.named(objects, "Role", "runtime-env-api")["metadata"]["namespace"] == NAMESPACE
    assert (names.GROUP, "runtimeenvvars") not in granted(objects, "runtime-env-webhook")


def test_the_api_is_off_unless_asked_for() -> None:
    without, with_api = (_identities(chart.rendered(values)) for values in ({}, WITH_API))
    assert {(kind, name) for kind, name in without if name.endswith("-api")} == set()
    assert {kind for kind, _ in with_api - without} == {
        *("Deployment", "Service", "PodDisruptionBudget", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"),
        *("Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }
    assert {name for _, name in with_api - without} == {"runtime-env-api"}


def _identities(objects: list[Manifest]) -> set[tuple[str, str]]:
    return {(found["kind"], found["metadata"]["name"]) for found in objects}


def api_of(**values: Any) -> Manifest:
    """The Deployment of the API with these values of its own."""
    return chart.named(chart.rendered({"api": {"enabled": True, **values}}), "Deployment", "runtime-env-api")


def test_the_apis_values_become_its_settings() -> None:
    found = chart.settings(api_of(keyRate=7, addressRate=2.5, forwardedAllowIps=["10.0.0.0/8", "::1"]))
    assert {
        name: text
        for name, text in found.items()
        if name not in chart.settings(chart.named(chart.rendered({}), "Deployment", "runtime-env-webhook"))
    } == {
        "RUNTIME_ENV_API_TLS": "off",
        "RUNTIME_ENV_API_KEY_RATE": "7",
        "RUNTIME_ENV_API_ADDRESS_RATE": "2.5",
        "RUNTIME_ENV_FORWARDED_ALLOW_IPS": "10.0.0.0/8,::1",
    }


def test_the_settings_that_the_chart_gives_are_read_as_they_are_meant() -> None:
    read = Settings.read(chart.settings(api_of(keyRate=1_000_000, tls={"secretName": "api-tls"})))
    assert (read.api_key_rate, read.api_address_rate, read.api_tls) == (1_000_000, 200, "on")
    assert read.forwarded_allow_ips == Settings().forwarded_allow_ips


def test_the_apis_certificate_is_mounted_where_one_is_named() -> None:
    def volumes(deployment: Manifest) -> dict[str, Any]:
        return {volume.pop("name"): volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}

    public_key = {"configMap": {"name": names.PUBLIC_KEY_CONFIG_MAP, "optional": True}}
    assert volumes(api_of()) == {"public-key": public_key}
    with_tls = api_of(tls={"secretName": "api-tls"})
    assert volumes(with_tls) == {"public-key": public_key, "tls": {"secret": {"secretName": "api-tls"}}}
    [container] = with_tls["spec"]["template"]["spec"]["containers"]
    folders = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert folders == {"public-key": str(Settings().public_key_folder), "tls": str(Settings().tls_folder)}
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "http": Settings().api_port,
        "probes": Settings().probe_port,
    }


def test_the_notes_say_where_it_answers_and_how_a_tenant_gets_in() -> None:
    at = f"://runtime-env-api.{NAMESPACE}.svc"
    assert f"http{at}:80/api/v1/runtime-env" in chart.notes(WITH_API)
    with_tls = chart.notes({"api": {"enabled": True, "service": {"port": 443}, "tls": {"secretName": "api-tls"}}})
    assert f"https{at}:443/api/v1/runtime-env" in with_tls
    assert f"kubectl label namespace <namespace> {names.HOME_LABEL}=true" in with_tls
    assert "runtimeenv apikey create" in with_tls
    without = chart.notes({}).lower().replace("apiversion: runtime.miosa.ai/v1", "").replace("runtime.miosa.ai", "")
    assert "api" not in without


def test_the_service_says_what_it_speaks() -> None:
    def port(**values: Any) -> Any:
        objects = chart.rendered({"api": {"enabled": True, **values}})
        [found] = chart.named(objects, "Service", "runtime-env-api")["spec"]["ports"]
        return found

    assert port() == {"name": "http", "port": 80, "targetPort": "http"}
    with_tls = port(tls={"secretName": "api-tls"}, service={"port": 443})
    assert with_tls == {"name": "https", "port": 443, "targetPort": "http"}


def ingress_of(tls: list[Any], secret: str = "") -> tuple[Manifest, Manifest]:
    """The Ingress with these certificates, and the Service behind it, with one of its own or without."""
    ingress = {"enabled": True, "hosts": ["env.example.org"], "tls": tls}
    objects = chart.rendered({"api": {"enabled": True, "ingress": ingress, "tls": {"secretName": secret}}})
    named = (chart.named(objects, kind, "runtime-env-api")["spec"] for kind in ("Ingress", "Service"))
    return next(named), next(named)


@pytest.mark.parametrize("secret", ["", "api-tls"], ids=["http", "https"])
def test_the_ingress_names_a_port_that_the_service_has(secret: str) -> None:
    ingress, service = ingress_of([], secret)
    [path] = ingress["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "runtime-env-api", "port": {"name": service["ports"][0]["name"]}}


@pytest.mark.parametrize("tls", [{"hosts": ["env.example.org"]}, {"secretName": "env-tls"}], ids=["hosts", "secret"])
def test_a_certificate_may_be_the_ingress_controllers_own_or_for_all_hosts(tls: dict[str, Any]) -> None:
    assert ingress_of([tls])[0]["tls"] == [tls]
