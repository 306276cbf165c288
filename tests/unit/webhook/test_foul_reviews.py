"""Reviews that are made to be expensive: anybody in the cluster can send one, and some come by way of an API server."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.builders import Manifest, namespace, pod, variable
from tests.unit.webhook.reviewing import Asked, injecting, review
from tests.unit.webhook.sealing_cases import CANARY, Sealer, opened

SANDBOX = {"runtime.miosa.ai/target": "sandbox"}
RUN_ENV = "runtime.miosa.ai/run-env"
MIB = 1024 * 1024
SIZE = 3 * MIB
"""Of an API server's own requests."""


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def body(manifest: Manifest, filling: str) -> bytes:
    """The review, with this JSON where it says HERE."""
    return json.dumps(review(manifest)).replace('"HERE"', filling).encode()


def many(element: str, size: int = SIZE) -> str:
    return f"[{','.join([element] * (size // (len(element) + 1)))}]"


async def cost(asked: Asked, raw: bytes) -> tuple[int, int]:
    """The status, and the most bytes that were held beside the review."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    status = (await asked.raw(raw)).status
    return status, tracemalloc.get_traced_memory()[1] - before


@pytest.mark.usefixtures("traced")
async def test_notes_of_any_size_cost_no_memory(sealer: Sealer) -> None:
    raw = body(variable("acme/x", value=CANARY, metadata={"a": "HERE"}), many("[]"))
    status, grown = await cost(sealer.asked, raw)
    assert status == 200
    assert grown < MIB


@pytest.mark.parametrize("name", ["scope", "name", "value", "sealedValue", "valueFrom"])
@pytest.mark.usefixtures("traced")
async def test_no_field_of_a_variable_is_read_as_what_it_should_not_be(sealer: Sealer, name: str) -> None:
    manifest = variable("acme/x", value=CANARY)
    manifest["spec"][name] = "HERE"
    _, grown = await cost(sealer.asked, body(manifest, many("[]")))
    assert grown < MIB


async def test_legal_notes_of_any_size_are_sealed_beside(sealer: Sealer) -> None:
    stored = await sealer.stored(variable("acme/x", value=CANARY, metadata={str(i): {} for i in range(200_000)}))
    assert opened(stored) == CANARY


@pytest.mark.parametrize("element", ["{}", '{"name":"a"}', '{"name":"a","envFrom":[{},{}]}'])
@pytest.mark.usefixtures("traced")
async def test_a_pod_of_countless_containers_is_refused_before_it_is_decoded(element: str) -> None:
    manifest = pod("acme/x", SANDBOX)
    manifest["spec"]["containers"] = "HERE"
    status, grown = await cost(injecting(namespace("acme", "acme")), body(manifest, many(element, 2 * SIZE)))
    assert status == 413
    assert grown < MIB


@pytest.mark.usefixtures("traced")
async def test_labels_that_nobody_reads_cost_no_memory() -> None:
    manifest = pod("acme/x", {**SANDBOX, "HERE": ""})
    labels = "".join(f'"{i}":"",' for i in range(200_000)) + '"last"'
    status, grown = await cost(injecting(namespace("acme", "acme")), body(manifest, labels))
    assert status == 200
    assert grown < MIB


async def test_a_pod_of_a_thousand_containers_is_wired() -> None:
    manifest = pod("acme/x", SANDBOX)
    env = [{"name": f"A{i}", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}} for i in range(30)]
    manifest["spec"]["containers"] = [{"name": f"c{i}", "image": "busybox:1", "env": env} for i in range(1000)]
    verdict = await injecting(namespace("acme", "acme")).about(manifest)
    assert len(verdict.ops) == 1001


async def test_more_containers_than_a_node_starts_are_refused() -> None:
    manifest = pod("acme/x", SANDBOX)
    manifest["spec"]["containers"] = [{"name": f"c{i}"} for i in range(10_001)]
    verdict = await injecting(namespace("acme", "acme")).about(manifest)
    assert (verdict.code, verdict.message) == (422, "spec: has more than 10000 containers, which no node starts")


async def test_run_env_is_not_multiplied_beyond_what_a_pod_can_hold() -> None:
    manifest = pod("acme/x", SANDBOX)
    manifest["metadata"]["annotations"] = {RUN_ENV: json.dumps({f"A{i}": "" for i in range(1000)})}
    manifest["spec"]["containers"] = [{"name": f"c{i}"} for i in range(100)]
    verdict = await injecting(namespace("acme", "acme")).about(manifest)
    assert verdict.code == 422
    assert verdict.message.startswith(f"annotation {RUN_ENV}: is more than a pod of so many containers can hold")


@pytest.mark.parametrize("word", ["run-env", "containers"])
async def test_an_annotation_longer_than_any_is_not_read(word: str) -> None:
    manifest = pod("acme/x", SANDBOX)
    manifest["metadata"]["annotations"] = {f"runtime.miosa.ai/{word}": many("[]", 300 * 1024)}
    verdict = await injecting(namespace("acme", "acme")).about(manifest)
    assert verdict.code == 422
    assert "which no annotation may be" in verdict.message


async def test_references_without_number_are_wired_in_a_moment() -> None:
    """At a square of their number this would take a minute: the loop answers nobody else meanwhile."""
    manifest = pod("acme/x", SANDBOX)
    sources = [{"secretRef": {"name": "a"}}] * 50_000
    manifest["spec"]["containers"] = [{"name": "main", "envFrom": sources}]
    assert len((await injecting(namespace("acme", "acme")).about(manifest)).ops) == 2
