"""Two replicas of the REST API, as their clients see them: concurrent writes, reads that follow them, restarts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster.api_client import Answer, Client, Customer, known
from tests.cluster.api_replicas import LONG
from tests.kube.cluster import wait
from tests.kube.operator import Operator

CLIENTS = 200

_names = (f"TOKEN_{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def clients(operator: Operator, customer: Customer) -> Iterator[tuple[Client, Client]]:
    """One of each replica."""
    with operator.replica("api") as launch:
        yield customer.client, known(customer.client.at(launch))


@pytest.fixture
def name() -> str:
    """A NAME that no other test uses."""
    return next(_names)


def draft(name: str, value: str, **fields: Any) -> dict[str, Any]:
    """A variable of the whole tenant."""
    return {"scope": "tenant", "name": name, "value": value, **fields}


def seen(client: Client, name: str) -> str:
    """The id of a new variable that the controller has seen: its ETag moves by itself no more."""
    id_ = str(client.post(draft(name, LONG, metadata={"a": 1})).data["id"])
    wait(lambda: client.get(id_).data["preview"] == "sk-ant...ghij", "the API to show its preview")
    return id_


def test_200_posts_at_once_leave_one_object_with_the_last_value(
    customer: Customer, clients: tuple[Client, Client], name: str
) -> None:
    customer.home.apply(customer.home.environment("agent"))

    def post(n: int) -> Answer:
        return clients[n % 2].post(draft(name, f"value {n}", target="agent", metadata={"n": n}))

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(post, range(CLIENTS)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: CLIENTS - 1}
    assert len({answer.data["id"] for answer in answers}) == 1
    [stored] = [o for o in customer.home.items("rvar") if o["spec"]["name"] == name]
    assert stored["metadata"]["generation"] == CLIENTS
    shown = clients[0].get(answers[0].data["id"]).data
    assert shown["metadata"] == stored["spec"]["metadata"]
    customer.home.holds({name: f"value {shown['metadata']['n']}"}, "renv.agent")


def test_of_many_patches_with_one_etag_one_is_let_through(clients: tuple[Client, Client], name: str) -> None:
    id_ = seen(clients[0], name)
    etag = clients[0].get(id_).headers["ETag"]
    with ThreadPoolExecutor(10) as pool:
        done = pool.map(lambda n: clients[n % 2].patch(id_, {"metadata": {"n": n}}, If_Match=etag), range(10))
        assert Counter(answer.status for answer in done) == {200: 1, 412: 9}


def test_each_replica_shows_what_the_other_wrote_at_its_revision(clients: tuple[Client, Client], name: str) -> None:
    for round_ in range(5):
        for writer, reader in (clients, clients[::-1]):
            made = writer.post(draft(name, "v", metadata={"round": round_}))
            id_, revision = made.data["id"], made.headers["Runtime-Env-Revision"]
            assert reader.get(id_, Runtime_Env_Revision=revision).data == writer.get(id_).data
            assert writer.get(id_).data["metadata"] == {"round": round_}
            gone = writer.delete(id_)
            assert gone.json == {"ok": True, "id": id_}
            assert writer.get(id_).status == 404
            assert reader.get(id_, Runtime_Env_Revision=gone.headers["Runtime-Env-Revision"]).status == 404


def test_what_kubectl_writes_shows_in_both(customer: Customer, clients: tuple[Client, Client], name: str) -> None:
    object_name = name.lower().replace("_", "-")
    customer.home.apply(customer.home.variable(object_name, value="sk-0123456789abcdefghijklm", metadata={"a": 1}))
    customer.home.ready(object_name)
    status = customer.home.get(f"rvar/{object_name}")["status"]
    for client in clients:
        shown = wait(lambda client=client: client.get(status["id"]).data, "the API to show it")  # type: ignore[misc]
        assert (shown["name"], shown["metadata"]) == (name, {"a": 1})
        wait(
            lambda client=client: client.get(status["id"]).data["preview"] == status["preview"],  # type: ignore[misc]
            "the API to show its preview",
        )
    customer.home.kubectl("delete", f"rvar/{object_name}")
    for client in clients:
        wait(lambda client=client: client.get(status["id"]).status == 404, "the API to miss it")  # type: ignore[misc]


def test_ids_times_and_etags_are_the_same_after_a_restart(
    operator: Operator, customer: Customer, clients: tuple[Client, Client], name: str
) -> None:
    id_ = seen(clients[0], name)
    before = clients[0].get(id_)
    operator.restart("api")
    wait(operator.launches["api"].ready, "the API to be ready")
    after = known(customer.client).get(id_)
    assert (after.data, after.headers["ETag"]) == (before.data, before.headers["ETag"])
