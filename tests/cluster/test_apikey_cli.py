"""API keys as an administrator issues them: the real command line, the real API server, the running API."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from runtimeenv.core.names import API_KEYS_SECRET
from runtimeenv.crypto.api_keys import ApiKey
from tests.cluster import api_client
from tests.cluster.api_client import Client, Customer, runtimeenv
from tests.demo import ground
from tests.documents import REPOSITORY, commands
from tests.kube import chart
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator
from tests.typist import Typist

PRINTED_ID = "mzxw6ytboi4dqmrr"
PRINTED = [line for line in commands(REPOSITORY / "docs/operations.md") if line.startswith("runtimeenv apikey")]


@pytest.fixture(scope="module")
def cluster(operator: Operator) -> Cluster:
    return operator.cluster


@pytest.fixture(scope="module")
def customer(operator: Operator) -> Iterator[Customer]:
    """A tenant that the API knows."""
    with api_client.customer(operator) as known:
        yield known


@pytest.fixture
def tenant() -> str:
    """A tenant's id that no other test has."""
    return f"keys-{secrets.token_hex(4)}"


def listed(cluster: Cluster, tenant: str) -> dict[str, Any]:
    """The tenant's keys by id."""
    found = json.loads(runtimeenv(cluster, "apikey", "list", "--tenant", tenant, "-o", "json"))
    return {key["id"]: key for key in found}


def until(client: Client, status: HTTPStatus) -> None:
    wait(lambda: client.get("?limit=1").status == status, f"the API to answer {status}")


def test_a_key_is_listed_by_all_but_what_it_is(cluster: Cluster, tenant: str) -> None:
    key = ApiKey.parse(api_client.issue(cluster, tenant, "--expires=90d", "--workspace=ws_1"))
    told = listed(cluster, tenant)[key.id]
    assert (told["role"], told["workspaces"], told["status"]) == ("write", ["ws_1"], "Active")
    stored = cluster.kubectl("get", "secret", API_KEYS_SECRET, "-n", chart.NAMESPACE, "-o", "json").out
    assert key.id in stored
    assert key.reveal().split("_")[3] not in stored + json.dumps(told)


def test_keys_that_are_made_at_once_are_all_kept(cluster: Cluster, tenant: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: ApiKey.parse(api_client.issue(cluster, tenant)).id, range(6)))
    assert set(listed(cluster, tenant)) == set(made)


def test_a_revoked_key_is_refused_by_every_replica(operator: Operator, customer: Customer) -> None:
    with operator.replica("api") as second:
        client = customer.with_key()
        both = (client, client.at(second))
        for replica in both:
            until(replica, HTTPStatus.OK)
        assert "revoked" in runtimeenv(operator.cluster, "apikey", "revoke", ApiKey.parse(client.key).id)
        for replica in both:
            until(replica, HTTPStatus.UNAUTHORIZED)


def test_a_rotated_key_and_its_successor_work_until_it_ends(cluster: Cluster, customer: Customer) -> None:
    old = customer.with_key()
    new = Client(old.port, runtimeenv(cluster, "apikey", "rotate", old.key, "--overlap=1h").strip())
    until(new, HTTPStatus.OK)
    assert old.get("?limit=1").status == HTTPStatus.OK
    last = Client(old.port, runtimeenv(cluster, "apikey", "rotate", new.key, "--overlap=0").strip())
    until(last, HTTPStatus.OK)
    assert new.get("?limit=1").status == HTTPStatus.UNAUTHORIZED


def test_an_expired_key_is_answered_as_an_unknown_one(cluster: Cluster, customer: Customer) -> None:
    client = customer.with_key("--expires=1h")
    key_id = ApiKey.parse(client.key).id
    entries = cluster.get_json("secret", API_KEYS_SECRET, "-n", chart.NAMESPACE)["data"]
    expired = {**json.loads(base64.b64decode(entries[key_id])), "expires": 1}
    data = {key_id: base64.b64encode(json.dumps(expired).encode()).decode()}
    where = ("secret", API_KEYS_SECRET, "-n", chart.NAMESPACE, "--type=merge")
    cluster.kubectl("patch", *where, "-p", json.dumps({"data": data}))
    until(client, HTTPStatus.UNAUTHORIZED)
    refused, unknown = client.get(), Client(client.port, ApiKey.generate().reveal()).get()
    assert refused.json["error"] == unknown.json["error"]


def test_a_key_reaches_no_further_than_its_role_and_limits(customer: Customer) -> None:
    wide = {"scope": "tenant", "name": "WIDE", "value": "v"}
    narrow = {"scope": "workspace", "workspace_id": "ws_1", "name": "NARROW", "value": "v"}
    limited, reader = customer.with_key("--workspace=ws_1"), customer.with_key(role="read")
    other = customer.client.post(wide).data["id"]
    own = limited.post(narrow).data["id"]
    assert limited.post(wide).status == reader.post(narrow).status == HTTPStatus.FORBIDDEN
    assert limited.post({**narrow, "workspace_id": "ws_2"}).status == HTTPStatus.FORBIDDEN
    assert [limited.get(other).status, limited.delete(other).status] == [HTTPStatus.NOT_FOUND] * 2
    assert [item["id"] for item in limited.get().data] == [own]
    assert {item["id"] for item in reader.get().data} == {own, other}


def test_an_unknown_key_is_told_on_standard_error_alone(cluster: Cluster) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        runtimeenv(cluster, "apikey", "revoke", "a" * 16)
    assert (caught.value.returncode, caught.value.stdout) == (1, "")
    assert "runtimeenv apikey list" in caught.value.stderr


def test_the_printed_commands_do_what_is_said_of_them(cluster: Cluster, tenant: str, tmp_path: Path) -> None:
    typist = Typist(ground.commands(cluster), tmp_path)
    creates, others = PRINTED[:2], PRINTED[2:]
    first, _ = (ApiKey.parse(typist.type(line.replace("acme", tenant)).strip()) for line in creates)
    verbs = []
    for line in others:
        typist.type(line.replace("acme", tenant).replace(PRINTED_ID, first.id))
        verbs.append(line.split()[2])
    assert verbs == ["list", "rotate", "revoke"]
    assert sorted(key["status"] for key in listed(cluster, tenant).values()) == ["Active", "Active", "Revoked"]
