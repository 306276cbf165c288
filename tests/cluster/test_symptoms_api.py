"""docs/troubleshooting.md, of the REST API: each answer is produced, and its message compared with the document's."""

from __future__ import annotations

import json
from typing import Any

from runtimeenv.core import names
from tests import builders
from tests.cluster import api_client, homes
from tests.cluster.api_client import Answer, Client, Customer, issue, known
from tests.kube.cluster import wait
from tests.kube.operator import Operator
from tests.symptoms import shown

VARIABLE = {"scope": "tenant", "name": "GREETING", "value": "hello"}


def message(answer: Answer, status: int) -> str:
    assert answer.status == status, answer.body
    return str(answer.json["error"]["message"])


def test_a_key_that_is_not_good(customer: Customer) -> None:
    shown("401", message(Client(customer.client.port, "msk_live_x").get(), 401))


def test_a_tenant_without_a_home(operator: Operator) -> None:
    with homes.new(operator, "ws_1", tenant=f"homeless-{operator.launches['api'].api_port}") as team:
        labels = team.cluster.get_json("namespace", team.namespace)["metadata"]["labels"]
        key = issue(operator.cluster, labels[names.TENANT_LABEL])
        client = known(Client(operator.launches["api"].api_port, key))
        shown("409 without a home", message(client.post(VARIABLE), 409))


def test_a_key_that_asks_too_often(customer: Customer, operator: Operator) -> None:
    with operator.replica("api", RUNTIME_ENV_API_KEY_RATE="0.1") as launch:
        client = customer.client.at(launch)
        answer: Any = wait(lambda: (found := client.get()).status == 429 and found, "the limit")
        shown("429", message(answer, 429))


def test_a_home_that_is_being_deleted(operator: Operator) -> None:
    with api_client.customer(operator) as leaving:
        home = leaving.home
        kept = builders.source_secret(f"{home.namespace}/kept", {})
        kept["metadata"]["finalizers"] = ["example.com/kept"]
        home.apply(kept)
        home.cluster.kubectl("delete", "namespace", home.namespace, "--wait=false")
        try:
            answer: Any = wait(lambda: (found := leaving.client.post(VARIABLE)).status == 503 and found, "the end")
            shown("503", message(answer, 503))
        finally:
            freed = json.dumps({"metadata": {"finalizers": None}})
            home.kubectl("patch", "secret/kept", "--type=merge", "-p", freed)
