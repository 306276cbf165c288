"""The REST API as a program of a tenant's sees it: plain HTTP/1.1, one API key, JSON."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from runtimeenv.api.key_records import Role
from tests.cluster import homes
from tests.cluster.homes import Home
from tests.documents import REPOSITORY
from tests.kube.cluster import Cluster, wait
from tests.kube.launches import Launch
from tests.kube.operator import Operator

BASE = "/api/v1/runtime-env"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What the API said. Headers are looked up in any case."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The whole body."""
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        """An item, or a list of items."""
        return self.json["data"]

    @property
    def code(self) -> str:
        """What kind of failure it is, "" for success."""
        return str(self.json.get("error", {}).get("code", ""))


@dataclass(frozen=True)
class Client:
    """One replica of the API, and the key that requests carry ("" for none)."""

    port: int
    key: str = ""

    def send(
        self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 30
    ) -> Answer:
        """One request, on a connection of its own. A body that is not bytes goes as JSON; a header "" is left out."""
        given = {
            "Authorization": f"Bearer {self.key}" if self.key else "",
            "Content-Type": "" if body is None else JSON,
        }
        sent = {name: text for name, text in {**given, **(headers or {})}.items() if text}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target, content, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, where: str = "", **headers: str) -> Answer:
        """`where` is an id, a query that begins with ``?``, or nothing; `headers` have ``_`` for ``-``."""
        return self.send("GET", _target(where), None, _named(headers))

    def post(self, body: Any, **headers: str) -> Answer:
        return self.send("POST", BASE, body, _named(headers))

    def patch(self, variable: str, body: Any, **headers: str) -> Answer:
        return self.send("PATCH", _target(variable), body, _named(headers))

    def put(self, variable: str, body: Any, **headers: str) -> Answer:
        return self.send("PUT", _target(variable), body, _named(headers))

    def delete(self, variable: str, **headers: str) -> Answer:
        return self.send("DELETE", _target(variable), None, _named(headers))

    def at(self, launch: Launch) -> Client:
        """The same with another replica."""
        return replace(self, port=launch.api_port)


def _target(where: str) -> str:
    return f"{BASE}{'' if where.startswith(('?', '/')) or not where else '/'}{where}"


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


def issue(cluster: Cluster, tenant: str, *options: str, role: Role = "write") -> str:
    """A new API key of a tenant, as `runtimeenv apikey create` prints it; `options` are further ones of that."""
    return runtimeenv(cluster, "apikey", "create", f"--tenant={tenant}", f"--role={role}", *options).strip()


def runtimeenv(cluster: Cluster, *words: str) -> str:
    """What the command line prints to an administrator of the cluster. Raises CalledProcessError."""
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PYTHONPATH": f"{REPOSITORY}/operator"}
    argv = [*cluster.reach, sys.executable, "-m", "runtimeenv", *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Customer:
    """A tenant with a home namespace, and a client that may write there."""

    home: Home
    client: Client

    @property
    def tenant(self) -> str:
        """The tenant's id, which is its home's name too."""
        return self.home.namespace

    def with_key(self, *options: str, role: Role = "write") -> Client:
        """A client with a further key of this tenant, made with these options, which the API knows already."""
        return known(replace(self.client, key=issue(self.home.cluster, self.tenant, *options, role=role)))


def known(client: Client) -> Client:
    """The client, once the API has read its key and knows its tenant."""
    wait(lambda: client.get("?limit=1").status == http.HTTPStatus.OK, "the API to know the key and its tenant")
    return client


@contextmanager
def customer(operator: Operator) -> Iterator[Customer]:
    """A new tenant of the API; its namespace is gone afterwards."""
    with homes.new(operator) as home:
        key = issue(operator.cluster, home.namespace)
        yield Customer(home, known(Client(operator.launches["api"].api_port, key)))
