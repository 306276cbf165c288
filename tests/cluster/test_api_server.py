"""The API's process on a cluster that is not there yet, goes away and comes back; and how the process goes."""

from __future__ import annotations

import http.client
import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import api_client
from tests.cluster.api_client import BASE, Answer, Client, Customer
from tests.kube import chart, controlplane, operator, state
from tests.kube.cluster import Cluster, Running, wait
from tests.kube.launches import Launch
from tests.kube.operator import Operator

API = {"api": {"enabled": True, "keyRate": 100_000, "addressRate": 100_000}}
PATIENT = 120
"""Seconds: a request to a cluster that is silent ends by the API's own time-outs."""


@dataclass
class Own:
    """A control plane of these tests alone, whose API server may be taken away."""

    cluster: Cluster
    apiserver: Running

    def take_away(self, how: str) -> None:
        """The API server refuses connections, or is silent."""
        self.argv = Path(f"/proc/{self.apiserver.pid}/cmdline").read_text().split("\0")[:-1]
        if how == "killed":
            self.apiserver.kill9()
        else:
            self.apiserver.signal(signal.SIGSTOP)

    def bring_back(self) -> None:
        """It answers again."""
        if self.apiserver.alive:
            self.apiserver.signal(signal.SIGCONT)
        else:
            self.apiserver = Running(self.argv, self.apiserver.log)
            self.cluster.stopping.insert(1, self.apiserver.stop)
        wait(lambda: self.cluster.kubectl("get", "--raw", "/readyz").out == "ok", "the API server to be back")


@pytest.fixture
def own() -> Iterator[Own]:
    claim = state.claim("control-plane")
    cluster, (_, apiserver, _) = controlplane.started(claim.folder, print)
    yield Own(cluster, apiserver)
    cluster.stop()
    claim.release()


def new(name: str, value: str = "v") -> Any:
    """What to post."""
    return {"scope": "tenant", "name": name, "value": value}


def posted(client: Client, name: str, value: str = "v") -> Answer:
    """A POST that may take its time."""
    return client.send("POST", BASE, new(name, value), timeout=PATIENT)


def refused_for_now(answer: Answer) -> bool:
    """503, with when to come again in both places."""
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == str(answer.json["error"]["retry_after"])
    return True


def test_it_waits_for_the_kinds_reads_without_the_public_key_and_writes_once_it_is_published(own: Own) -> None:
    started = Operator(own.cluster, operator.plan(own.cluster, API))
    crds = chart.of_kind(chart.rendered({}), "CustomResourceDefinition")
    own.cluster.kubectl("delete", *(f"crd/{crd['metadata']['name']}" for crd in crds))
    started.play_kubelet()
    api = started.spawn("api")
    waiting = "waiting for the list of variables\n"
    wait(lambda: started.launches["api"].missing() == waiting, "the API to say what it waits for")
    chart.apply(own.cluster, crds)
    wait(started.launches["api"].ready, "the API to be ready before there is any key")
    wait(lambda: operator.policies_in_force(own.cluster), "the policies to be in force")
    with api_client.customer(started) as customer:
        assert customer.client.get().data == []
        assert refused_for_now(customer.client.post(new("TOKEN")))
        started.spawn("controller")
        wait(lambda: customer.client.post(new("TOKEN")).status == 201, "a write to be let through")
        wait(lambda: customer.client.get().data[0]["preview"] != "", "the variable to be shown")
    api.expect_alive()
    started.stop()
    assert api.code == 0


def test_while_the_cluster_is_away_reads_go_on_and_writes_wait_and_then_all_is_as_before(own: Own) -> None:
    installed = Operator.install(own.cluster, API)
    for how in ("killed", "frozen"):
        with api_client.customer(installed) as customer:
            outlasts(own, how, customer.client, installed.launches["api"])
        installed.api.expect_alive()
    installed.stop()


def outlasts(own: Own, how: str, client: Client, api: Launch) -> None:
    """The API as its client sees it while the cluster is away, and afterwards."""
    first = posted(client, "FIRST").data
    own.take_away(how)
    wait(lambda: int(client.get(first["id"]).headers["Runtime-Env-Age"]) > 5, "reads to state their age")
    read = client.get()
    assert (read.status, read.data) == (200, [client.get(first["id"]).data])
    assert api.ready()
    assert refused_for_now(posted(client, "SECOND"))
    assert refused_for_now(client.send("DELETE", f"{BASE}/{first['id']}", timeout=PATIENT))
    own.bring_back()
    wait(lambda: client.get().headers["Runtime-Env-Age"] is None, "reads to be fresh again")
    wait(lambda: posted(client, "SECOND").status in (200, 201), "writes to be let through again")
    assert [item["name"] for item in client.get().data] == ["FIRST", "SECOND"]


@dataclass
class Load:
    """Clients that keep their connections, and open another only while the replica says that it is ready."""

    launch: Launch
    client: Client
    statuses: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def run(self, number: int) -> None:
        """Read, write, read, … until the replica is not ready any more."""
        while self.launch.ready():
            connection = http.client.HTTPConnection("127.0.0.1", self.launch.api_port, timeout=PATIENT)
            try:
                self._use(connection, f"LOAD_{number}")
            except (OSError, http.client.HTTPException) as failure:
                self.lost.append(repr(failure))
            finally:
                connection.close()

    def _use(self, connection: http.client.HTTPConnection, name: str) -> None:
        headers = {"Authorization": f"Bearer {self.client.key}", "Content-Type": "application/json"}
        kept = True
        while kept:
            writes = len(self.statuses) % 8 == 0
            body = json.dumps(new(name, str(len(self.statuses)))) if writes else None
            connection.request("POST" if writes else "GET", BASE, body, headers)
            answer = connection.getresponse()
            answer.read()
            self.statuses.append(answer.status)
            kept = answer.headers["Connection"] != "close"


def in_threads(work: Callable[[int], None], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_a_replica_that_is_told_to_stop_under_load_answers_every_request(
    operator: Operator, customer: Customer
) -> None:
    launch = operator.launches["api"].another("api-2")
    log = operator.cluster.folder / "runtime-env-api-2.log"
    replica = operator.cluster.spawn(launch.argv, env=launch.env, log=log)
    wait(launch.ready, "the replica to be ready")
    load = Load(launch, api_client.known(customer.client.at(launch)))
    threads = in_threads(load.run, 8)
    wait(lambda: len(load.statuses) > 200, "the load to be under way")
    replica.signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    wait(lambda: not replica.alive, "the replica to end")
    assert (replica.code, load.lost) == (0, [])
    assert set(load.statuses) <= {200, 201}
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    audit = [line for line in lines if line.get("message") == "request" and line["status"] in (200, 201)]
    assert len(audit) >= len(load.statuses)
