"""What helm tells after an install: what to do next, and what must not be lost."""

from __future__ import annotations

from runtimeenv.core import names
from tests.kube import chart
from tests.kube.chart import NAMESPACE


def test_the_notes_say_how_to_back_up_what_can_not_be_made_again() -> None:
    said = chart.notes({})
    keys = f"{names.KEYRING_SECRET} {names.KEK_SECRET}"
    assert f"kubectl get secret {keys} --namespace {NAMESPACE} -o yaml > keys.yaml" in said
    assert names.API_KEYS_SECRET not in said
    assert f"{names.API_KEYS_SECRET} and {names.API_HASH_KEY_SECRET}" in chart.notes({"api": {"enabled": True}})


def test_the_notes_say_what_uninstalling_does_to_pods_and_to_keys() -> None:
    said = " ".join(chart.notes({}).split())
    assert "From then on labelled pods start WITHOUT their environment" in said
    assert f"Deleting the namespace {NAMESPACE} destroys the keyring" in said


def test_the_notes_name_the_label_that_pods_carry_here() -> None:
    assert "the label sandbox.users.io/target: sandbox" in chart.notes({"podDomain": "sandbox.users.io"})


def test_the_notes_say_where_the_api_answers_outside_the_cluster() -> None:
    ingress = {"enabled": True, "hosts": ["env.example.org"]}
    assert "it answers at env.example.org" in chart.notes({"api": {"enabled": True, "ingress": ingress}})
    off = {"enabled": False, "hosts": ["env.example.org"]}
    assert "env.example.org" not in chart.notes({"api": {"enabled": True, "ingress": off}})


def test_the_notes_say_that_keys_travel_in_clear_through_an_ingress_without_tls() -> None:
    ingress = {"enabled": True, "hosts": ["env.example.org"]}
    clear = "API keys travel there in clear"
    assert clear in chart.notes({"api": {"enabled": True, "ingress": ingress}})
    certified = {**ingress, "tls": [{"secretName": "env-tls", "hosts": ["env.example.org"]}]}
    assert clear not in chart.notes({"api": {"enabled": True, "ingress": certified}})


def test_the_notes_say_what_the_webhook_waits_for_where_cert_manager_issues() -> None:
    waits = f"kubectl get certificate runtime-env-webhook --namespace {NAMESPACE}"
    assert waits in chart.notes({"certificates": "cert-manager"})
    assert "certificate" not in chart.notes({})
