"""The whole application as a server calls it (ASGI), before a replica over a FakeCluster."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry

from runtimeenv.api.admission import Service
from runtimeenv.api.audit import Trail
from runtimeenv.api.bearers import Bearers
from runtimeenv.api.key_records import HASH_KEY_FIELD, KeyRecord, write_records
from runtimeenv.api.limits import Limiter
from runtimeenv.api.middleware import Requests
from runtimeenv.api.proxies import Proxies
from runtimeenv.api.routes import application
from runtimeenv.api.traffic import Traffic
from runtimeenv.core import names
from runtimeenv.crypto.api_keys import ApiKey
from tests.builders import Manifest, source_secret
from tests.unit.api.replicas import Scene, home, scene

BASE: Final = "/api/v1/runtime-env"
ADDRESS: Final = "192.0.2.7"

DRAFT: Final[dict[str, Any]] = {
    "scope": "workspace",
    "workspace_id": "ws_123",
    "target": "sandbox",
    "name": "ANTHROPIC_API_KEY",
    "value": "sk-ant-value-abcd",
    "metadata": {"provider": "anthropic"},
}

HASH_KEY: Final = bytes(range(32))
SYSTEM: Final = "runtime-env-system"

_RECORDS: Final[dict[str, dict[str, Any]]] = {
    "acme": {},
    "reader": {"role": "read"},
    "blog": {"projects": ("blog",)},
    "other": {"tenant": "other"},
    "revoked": {"revoked": 1},
    "expired": {"expires": 1},
    "homeless": {"tenant": "nobody"},
}
KEYS: Final = {who: ApiKey.generate() for who in _RECORDS}


def named(name: str, **fields: Any) -> dict[str, Any]:
    """A variable of the whole tenant, as POST takes it."""
    return {"scope": "tenant", "name": name, "value": "v", **fields}


def key_secrets() -> list[Manifest]:
    """The Secrets that the keys stand in."""
    records = {}
    for who, fields in _RECORDS.items():
        hashed = KEYS[who].hashed(HASH_KEY).hex()
        records[KEYS[who].id] = KeyRecord(**{"hash": hashed, "tenant": "acme", "role": "write", "created": 1, **fields})
    return [
        source_secret(f"{SYSTEM}/{names.API_KEYS_SECRET}", write_records(records), consent=False),
        source_secret(f"{SYSTEM}/{names.API_HASH_KEY_SECRET}", {HASH_KEY_FIELD: HASH_KEY}, consent=False),
    ]


@dataclass(frozen=True)
class Answer:
    """One answer; the names of its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def item(self) -> Any:
        """The one variable that it shows."""
        assert [*self.json] == ["data"]
        return self.json["data"]

    @property
    def code(self) -> str:
        """The error's code; the body must have the one form."""
        assert {*self.json} == {"error", "request_id"}
        assert {"code", "message", "details"} <= {*self.json["error"]} <= {"code", "message", "details", "retry_after"}
        assert self.json["request_id"] == self.headers["x-request-id"]
        assert str(self.json["error"].get("retry_after", "")) == self.headers.get("retry-after", "")
        return str(self.json["error"]["code"])

    @property
    def fields(self) -> list[str]:
        """The fields at fault."""
        return [detail["field"] for detail in self.json["error"]["details"]]

    def raw(self) -> bytes:
        """All that the client sees."""
        return b"\n".join([*(f"{n}: {t}".encode("latin-1") for n, t in self.headers.items()), self.body])


class Door:
    """Sends requests to one replica."""

    def __init__(self, made: Scene, *, rate: float = 1e9) -> None:
        self.made = made
        self.age = 0.0
        self.bearers = Bearers(made.cluster, SYSTEM)
        self.service = Service(
            bearers=self.bearers,
            catalog=made.one.catalog,
            writes=made.one.writes,
            key_limiter=Limiter(rate),
            address_limiter=Limiter(rate * 2),
            age=lambda: self.age,
            allowed_names=frozenset({"LD_ALLOWED"}),
        )
        self.asgi = Requests(application(self.service), Trail(Traffic(CollectorRegistry())), Proxies("127.0.0.1"))

    async def __call__(
        self,
        method: str,
        path: str = BASE,
        body: object = None,
        *,
        key: str | None = "acme",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with one of the keys of _RECORDS, and a JSON body where one is given (bytes are sent as they are)."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {"host": "api", "content-length": str(len(sent))}
        named |= {"content-type": "application/json"} if body is not None else {}
        named |= {"authorization": f"Bearer {KEYS[key].reveal()}"} if key is not None else {}
        named |= {name.lower(): text for name, text in (headers or {}).items()}
        encoded = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in named.items()]
        return await self.ask(method, path, query, encoded, sent)

    async def ask(
        self, method: str, path: str, query: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Ask with exactly these headers."""
        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"},
            **{"method": method, "path": path, "raw_path": path.encode("utf-8", "replace"), "root_path": ""},
            **{"query_string": query.encode("latin-1", "replace"), "headers": [*headers], "state": {}},
            **{"client": (ADDRESS, 40000), "server": ("192.0.2.1", 8000)},
        }
        told: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self.asgi(scope, receive, send)
        fields = {name.decode(): text.decode("latin-1") for name, text in told[0]["headers"]}
        assert len(fields) == len(told[0]["headers"]), "a header stands twice"
        return Answer(told[0]["status"], fields, b"".join(message.get("body", b"") for message in told[1:]))


@asynccontextmanager
async def door(*manifests: Manifest, rate: float = 1e9) -> AsyncIterator[Door]:
    """A door to a scene: all of it runs, in virtual time."""
    async with scene(*(manifests or (home(),)), *key_secrets()) as made:
        opened = Door(made, rate=rate)
        await opened.bearers.poll()
        yield opened
