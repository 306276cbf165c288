"""Every door by which a value comes in over HTTP: accepted or refused, in its place or anywhere else.

As in `doors`, each function sends a canary of its own by each of its doors, and returns what was answered.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from tests.cluster.api_client import BASE, Answer, Client
from tests.cluster.doors import House
from tests.kube.cluster import Completed

ELSEWHERE = "env_aaaaaaaaaaaaaaaaaaaaaaaaaa"  # an id that no variable has

_BODIES: dict[str, str] = {
    "cut short": '{"scope": "tenant", "name": "CUT", "value": "CANARY',
    "twice": '{"scope": "tenant", "name": "TWICE", "value": "CANARY", "value": "CANARY"}',
    "list body": '["CANARY"]',
    "text body": '"CANARY"',
    "bare body": "CANARY",
    "deep": '{"value": ' + "[" * 2000 + '"CANARY"' + "]" * 2000 + "}",
    "not a number": '{"scope": "tenant", "name": "NAN", "value": "CANARY", "enabled": NaN}',
    "long body": '{"scope": "tenant", "name": "LONG", "value": "' + "CANARY" * 100_000 + '"}',
    "surrogate": '{"scope": "tenant", "name": "LONE", "value": "CANARY\\ud800"}',
}
_TYPES = {
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "plain": "text/plain",
    "merge patch": "application/merge-patch+json",
    "latin": "application/json; charset=latin-1",
}
_QUERIES = (
    "scope=CANARY",
    "workspace_id=CANARY",
    "target=CANARY",
    "limit=CANARY",
    "cursor=CANARY",
    "CANARY=1",
    "CANARY",
)
_HEADERS = {
    "Authorization": ("Bearer CANARY", "Basic CANARY", "CANARY", "Bearer msk_live_CANARY", "Bearer {key}CANARY"),
    "Content-Type": ("CANARY", "application/CANARY", "application/json; charset=CANARY"),
    "If-Match": ("CANARY", '"CANARY"'),
    "If-None-Match": ("CANARY", '"CANARY"'),
    "Runtime-Env-Revision": ("CANARY",),
    "X-Request-Id": ("CANARY out of form", "CANARY" * 5),
    "X-Forwarded-For": ("CANARY",),
    "X-Forwarded-Proto": ("CANARY",),
    "traceparent": ("CANARY",),
    "User-Agent": ("CANARY",),
    "Cookie": ("a=CANARY",),
    "Origin": ("https://CANARY",),
    "Accept": ("CANARY",),
    "Expect": ("CANARY",),
    "Host": ("CANARY",),
    "Transfer-Encoding": ("CANARY",),
    "CANARY": ("1",),
}
_WRONG: dict[str, dict[str, Any]] = {
    "value list": {"value": ["CANARY"]},
    "value object": {"value": {"CANARY": "CANARY"}},
    "value with NUL": {"value": "CANARY\0"},
    "value too long": {"value": "CANARY" * 2000},
    "enabled text": {"enabled": "CANARY"},
    "metadata text": {"metadata": "CANARY"},
    "metadata list": {"metadata": ["CANARY"]},
    "unknown field": {"unknown": "CANARY"},
    "unknown name": {"CANARY": 1},
}
_OF_POST: dict[str, dict[str, Any]] = {
    "wrong scope": {"scope": "CANARY"},
    "scope list": {"scope": ["CANARY"]},
    "wrong target": {"target": "CANARY"},
    "lower-case name": {"name": "CANARY"},
    "name list": {"name": ["CANARY"]},
    "id out of form": {"scope": "workspace", "workspace_id": "CANARY/"},
    "id too many": {"project_id": "CANARY"},
    "own id": {"id": "CANARY"},
    "reserved": {"name": "LD_PRELOAD", "value": "CANARY"},
    "id missing": {"scope": "workspace", "value": "CANARY"},
}


def posts(house: House, client: Client) -> list[Completed]:
    """A value in a new variable, and over one that is there: by POST, PATCH and PUT."""
    answers = [client.post(_variable("POSTED", house.canaries.through("POSTED")))]
    for door, method in {"UPSERTED": "POST", "EDITED": "PATCH", "PUT": "PUT"}.items():
        made = client.post(_variable(door, "before"))
        where = BASE if method == "POST" else f"{BASE}/{made.data['id']}"
        whole = _variable(door, house.canaries.through(door))
        answers.append(client.send(method, where, whole if method == "POST" else {"value": whole["value"]}))
    return [_completed(answer) for answer in answers]


def bodies(house: House, client: Client) -> list[Completed]:
    """A value in bodies that are refused, to each method that takes one."""
    variable = _there(client)
    answers = [
        client.send(method, where, _canaried(f"{method} {door}", body, house).encode())
        for method, where in (("POST", BASE), ("PATCH", f"{BASE}/{variable}"), ("PUT", f"{BASE}/{variable}"))
        for door, body in _BODIES.items()
    ]
    good = json.dumps(_variable("TYPED", "CANARY"))
    answers += [
        client.send("POST", BASE, _canaried(door, good, house).encode(), {"Content-Type": kind})
        for door, kind in _TYPES.items()
    ]
    encoded = {"UTF-16": "utf-16", "UTF-32": "utf-32"}
    answers += [client.send("POST", BASE, _canaried(door, good, house).encode(c)) for door, c in encoded.items()]
    binary = _canaried("not UTF-8", good, house).encode().replace(b"-end", b"-end\xff")
    return [_completed(answer) for answer in (*answers, client.send("POST", BASE, binary))]


def fields(house: House, client: Client) -> list[Completed]:
    """A value as a field of the wrong type, and in fields where no value belongs; POST, PATCH and PUT."""
    variable = _there(client)
    answers = []
    for door, wrong in {**_WRONG, **_OF_POST}.items():
        answers.append(client.post(_canaried(f"POST {door}", {**_variable("WRONG", "CANARY"), **wrong}, house)))
    for method in ("PATCH", "PUT"):
        for door, wrong in _WRONG.items():
            body = _canaried(f"{method} {door}", {"value": "CANARY", **wrong}, house)
            answers.append(client.send(method, f"{BASE}/{variable}", body))
    return [_completed(answer) for answer in answers]


def states(house: House, client: Client, reader: Client) -> list[Completed]:
    """A value in a good request that is refused for what is there, or for who asks."""
    variable = _there(client)
    claimed = house.variable("claimed", value="before", target="agent", into=f"{house.namespace}-other", name="CLAIMED")
    house.type(claimed, "apply")

    def change(door: str) -> dict[str, str]:
        return {"value": house.canaries.through(door)}

    answers = [
        client.patch(ELSEWHERE, change("PATCH of nothing")),
        client.put(ELSEWHERE, change("PUT of nothing")),
        client.patch(variable, change("PATCH unmatched"), If_Match='"0"'),
        client.put(variable, change("PUT unmatched"), If_Match='"0"'),
        client.patch(variable, {**change("PATCH renamed"), "name": "RENAMED"}),
        client.post(_variable("CLAIMED", house.canaries.through("claimed elsewhere"))),
        reader.post(_variable("READER", house.canaries.through("reader"))),
        Client(client.port).post(_variable("NOBODY", house.canaries.through("no key"))),
        client.send("POST", "/api/v1/elsewhere", _variable("LOST", house.canaries.through("no route"))),
        client.send("TRACE", BASE, _variable("TRACED", house.canaries.through("no method"))),
    ]
    return [_completed(answer) for answer in answers]


def unsealed(house: House, client: Client) -> list[Completed]:
    """A value for an API that has no key to seal it with."""
    variable = _there(client)
    nothing = f"{house.cluster.folder}/nothing"
    with house.operator.replica("api", RUNTIME_ENV_PUBLIC_KEY_FOLDER=nothing) as keyless:
        without = client.at(keyless)
        answers = [
            without.post(_variable("UNSEALED", house.canaries.through("POST without a key"))),
            without.patch(variable, {"value": house.canaries.through("PATCH without a key")}),
        ]
    return [_completed(answer) for answer in answers]


def elsewhere(house: House, client: Client) -> list[Completed]:
    """A value in a path, a query, a header, or the body of a request that takes none; answered either way."""
    variable = f"{BASE}/{_there(client)}"
    targets = [
        f"{BASE}/CANARY",
        f"{BASE}/CANARY/CANARY",
        "/CANARY",
        f"{BASE}CANARY",
        *(f"{BASE}?{q}" for q in _QUERIES),
    ]
    answers = [client.send("GET", _canaried(target, target, house)) for target in targets]
    for name, texts in _HEADERS.items():
        for text in texts:
            sent = _canaried(f"{name}: {text}", {name: text.replace("{key}", client.key)}, house)
            answers += [client.send("GET", variable, None, sent), client.send("PATCH", variable, {}, sent)]
    answers += [
        client.send(method, where, _canaried(f"{method} with a body", b"CANARY", house))
        for method, where in (("GET", BASE), ("HEAD", BASE), ("OPTIONS", BASE), ("DELETE", f"{BASE}/{ELSEWHERE}"))
    ]
    return [_completed(answer) for answer in answers]


def broken(house: House, client: Client) -> list[Completed]:
    """A value in what is no HTTP, or too much of it."""
    line = f"POST {BASE} HTTP/1.1\r\nHost: api\r\n"
    requests = {
        "no HTTP": "CANARY\r\n\r\n",
        "method": f"CANARY {BASE} HTTP/1.1\r\nHost: api\r\n\r\n",
        "version": f"GET {BASE} HTTP/CANARY\r\nHost: api\r\n\r\n",
        "header without a name": f"{line}CANARY\r\n\r\n",
        "long path": f"GET {BASE}/{'CANARY' * 5000} HTTP/1.1\r\nHost: api\r\n\r\n",
        "long header": f"{line}X-Long: {'CANARY' * 5000}\r\n\r\n",
        "length": f"{line}Content-Length: CANARY\r\n\r\n",
        "chunk": f"{line}Transfer-Encoding: chunked\r\n\r\nCANARY\r\nCANARY\r\n0\r\n\r\n",
        "short body": f"{line}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\nCANARY",
        "upgrade": f"GET {BASE} HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: CANARY\r\n\r\n",
    }
    return [_raw(client, _canaried(door, text, house)) for door, text in requests.items()]


def _raw(client: Client, text: str) -> Completed:
    """Sends bytes as they are, then no more; what came back until the API hung up."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return Completed(0, answer.decode(errors="replace"), "")


def _variable(name: str, value: str) -> dict[str, Any]:
    return {"scope": "tenant", "target": "agent", "name": name, "value": value}


def _there(client: Client) -> str:
    """The id of a variable whose value no door changes."""
    identifier: str = client.post(_variable("THERE", "before")).data["id"]
    return identifier


def _canaried(door: str, shape: Any, house: House) -> Any:
    """The same with this door's canary for each mark, in texts, names of fields and bytes alike."""
    canary = house.canaries.through(f"HTTP {door}")
    if isinstance(shape, bytes):
        return shape.replace(b"CANARY", canary.encode())
    if isinstance(shape, str):
        return shape.replace("CANARY", canary)
    if isinstance(shape, Mapping):
        return {_canaried(door, name, house): _canaried(door, inside, house) for name, inside in shape.items()}
    return [_canaried(door, inside, house) for inside in shape] if isinstance(shape, list) else shape


def _completed(answer: Answer) -> Completed:
    """An answer as a command's, its code being 0 for success."""
    refused = answer.status >= 400
    return Completed(answer.status if refused else 0, answer.body.decode(), str(answer.headers))
