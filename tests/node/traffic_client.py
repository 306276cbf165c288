"""Requests at steady rates, whatever becomes of those before: ``python -m tests.node.traffic_client NAMESPACE``.

Goes on until SIGTERM, and then until the last one under way has ended. Prints a JSON object for each: when it ended
(``at``), its ``kind``, how long it ``took`` in seconds from when it was due to be sent, what was said instead of a
success (``refused``), and what a success is ``lacking``. KUBECONFIG leads to the API server; RUNTIME_ENV_READS, if set,
is an address of the REST API and RUNTIME_ENV_KEY a key for it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient

from runtimeenv.cluster import access
from runtimeenv.core import names
from tests import builders
from tests.node import pods
from tests.node.traffic import EXPECTED, RATES

LABELS = {pods.TARGET_LABEL: "agent"}
SECRET = "renv.agent"
WITHIN = aiohttp.ClientTimeout(total=30)
ENDS_WITHIN = 180.0  # a pod or a variable, from its creation
DRY_RUN = (("dryRun", "All"),)
PRINTS = ("sh", "-c", "env > /dev/termination-log")
ONCE = MappingProxyType({"restartPolicy": "Never", "automountServiceAccountToken": False})
FINAL = ("Succeeded", "Failed")

Send = Callable[[int], Awaitable[None]]


class Refused(Exception):
    """No success; the message is what was said."""


class Lacking(Exception):
    """A success without what it must have."""


@dataclass
class Collection:
    """Objects of one kind in a namespace; those that are awaited are looked at together."""

    api: ApiClient
    path: str
    _awaited: dict[str, asyncio.Future[Any]] = field(default_factory=dict)

    async def create(self, manifest: Any, query: tuple[tuple[str, str], ...] = ()) -> Any:
        return await self._call("POST", self.path, manifest, query)

    async def delete(self, name: str) -> None:
        await self._call("DELETE", f"{self.path}/{name}", {"gracePeriodSeconds": 0})

    async def until(self, name: str, done: Callable[[Any], bool]) -> Any:
        """The object once it is done. Raises Refused where that takes too long."""
        awaited = self._awaited[name] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                while not done(found := await awaited):
                    awaited = self._awaited[name] = asyncio.get_running_loop().create_future()
                return found
        except TimeoutError:
            raise Refused(f"{name} did not get there within {ENDS_WITHIN:g} s") from None
        finally:
            self._awaited.pop(name, None)

    async def look(self) -> None:
        """Again and again, until cancelled."""
        while True:
            with suppress(Refused):  # 429 while the API server takes up a changed kind: looked at again
                for item in (await self._call("GET", self.path))["items"] if self._awaited else ():
                    if awaited := self._awaited.pop(item["metadata"]["name"], None):
                        awaited.set_result(item)
            await asyncio.sleep(0.1)

    async def _call(self, method: str, path: str, body: Any = None, query: tuple[tuple[str, str], ...] = ()) -> Any:
        """The library sends nothing twice: it is told of no retries, and aiohttp repeats no POST."""
        method, url, headers, _, _ = await self.api.param_serialize(
            method, path, query_params=list(query), header_params={"Content-Type": "application/json"},
            auth_settings=["BearerToken"],
        )  # fmt: skip
        answer = await self.api.call_api(method, url, headers, body, _request_timeout=WITHIN)
        text = await answer.response.text()
        if answer.status >= 300:
            raise Refused(f"{answer.status}: {text}")
        return json.loads(text)


@dataclass
class Traffic:
    """What is sent, by its kind."""

    pods: Collection
    variables: Collection
    namespace: str
    mark: str = field(default_factory=lambda: secrets.token_hex(3))

    async def pod(self, _number: int) -> None:
        made = await self.pods.create(pods.pod(f"{self.namespace}/probe", LABELS), DRY_RUN)
        references = [found.get("secretRef", {}).get("name") for found in made["spec"]["containers"][0]["envFrom"]]
        annotations = made["metadata"].get("annotations", {})
        if (references[:1], annotations.get(names.INJECTED_ANNOTATION)) != ([SECRET], SECRET):
            raise Lacking(f"{references}, {annotations}")

    async def plaintext(self, _number: int) -> None:
        made = await self.variables.create(builders.variable(f"{self.namespace}/probe", "PROBE", value="x"), DRY_RUN)
        if "value" in made["spec"] or not made["spec"].get("sealedValue", "").startswith("renv1."):
            raise Lacking("it is not sealed")

    async def agent(self, number: int) -> None:
        name = f"agent-{self.mark}-{number}"
        shell = pods.container(command=PRINTS)
        await self.pods.create(pods.pod(f"{self.namespace}/{name}", LABELS, None, [shell], **ONCE))
        ended = await self.pods.until(name, lambda pod: pod["status"]["phase"] in FINAL)
        await self.pods.delete(name)
        [container] = ended["status"]["containerStatuses"]
        if EXPECTED not in container["state"]["terminated"].get("message", "").splitlines():
            raise Lacking(f"{container['state']}")

    async def variable(self, number: int) -> None:
        name = f"v-{self.mark}-{number}"
        spelled = name.replace("-", "_").upper()
        await self.variables.create(builders.variable(f"{self.namespace}/{name}", spelled, target="sandbox", value="x"))
        await self.variables.until(name, _ready)
        await self.variables.delete(name)


@dataclass
class Reads:
    """GETs of the REST API, in turns on a new connection and on one that was kept."""

    address: str
    kept: aiohttp.ClientSession
    new: aiohttp.ClientSession

    async def read(self, number: int) -> None:
        async with (self.new if number % 2 else self.kept).get(self.address, timeout=WITHIN) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise Refused(f"{answer.status}: {text}")


def _ready(variable: Any) -> bool:
    conditions = variable.get("status", {}).get("conditions", [])
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


async def _attempt(kind: str, due: float, sent: Awaitable[None]) -> None:
    refused = lacking = ""
    try:
        await sent
    except (Refused, aiohttp.ClientError, TimeoutError, OSError) as error:
        refused = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
    except Lacking as error:
        lacking = str(error)
    took = asyncio.get_running_loop().time() - due
    told = {"at": round(time.time(), 3), "kind": kind, "took": took, "refused": refused, "lacking": lacking}
    print(json.dumps(told), flush=True)


async def steadily(kind: str, rate: float, send: Send, group: asyncio.TaskGroup) -> None:
    """Starts one each time that it is due, until cancelled; one that is started late counts from when it was due."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in itertools.count():
        due = began + number / rate
        await asyncio.sleep(due - loop.time())
        group.create_task(_attempt(kind, due, send(number)))


async def _until_told(senders: dict[str, Send], looks: list[Coroutine[Any, Any, None]]) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with asyncio.TaskGroup() as looking:
        looking_on = [looking.create_task(look) for look in looks]
        async with asyncio.TaskGroup() as sending:
            steady = [sending.create_task(steadily(kind, RATES[kind], senders[kind], sending)) for kind in senders]
            await told.wait()
            for task in steady:
                task.cancel()
        for task in looking_on:
            task.cancel()


async def main(namespace: str) -> None:
    async with ApiClient(await access.configuration(os.environ)) as api:
        made = Traffic(
            Collection(api, f"/api/v1/namespaces/{namespace}/pods"),
            Collection(api, f"/apis/{names.API_VERSION}/namespaces/{namespace}/runtimeenvvars"),
            namespace,
        )
        senders: dict[str, Send] = {
            "pods": made.pod, "plaintexts": made.plaintext, "agents": made.agent, "variables": made.variable,
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {os.environ.get('RUNTIME_ENV_KEY', '')}"}
        once = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(headers=headers) as kept,
            aiohttp.ClientSession(headers=headers, connector=once) as new,
        ):
            if address := os.environ.get("RUNTIME_ENV_READS"):
                kept._retry_connection = False  # a GET that met a closing connection would be sent again unseen
                senders["reads"] = Reads(address, kept, new).read
            await _until_told(senders, [made.pods.look(), made.variables.look()])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
