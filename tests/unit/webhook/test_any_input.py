"""Whatever is sent to either path has a clean answer, which repeats none of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtimeenv.webhook.last_applied import ANNOTATION
from tests.unit.webhook.reviewing import UID, Asked, injecting
from tests.unit.webhook.sealing_cases import CANARY, NAMESPACES, Sealer

DOMAIN = "runtime.miosa.ai"

scalars = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**30, "", CANARY, "sandbox", "tenant", "acme", "renv1.xwing.x", "ws_1"]
)
keys = st.sampled_from(["name", "spec", "metadata", "value", "envFrom", "env", "secretRef", "a", CANARY])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
texts = st.sampled_from(["", CANARY, "{}", '{"A": "' + CANARY + '"}', "sandbox", "agent", "ws_1", "renv.agent", "main"])


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of these fields, each as it should be or anything."""
    return st.fixed_dictionaries({}, optional={name: found | anything for name, found in fields.items()})


maps = st.dictionaries(
    st.sampled_from(
        [f"{DOMAIN}/{word}" for word in ("target", "workspace", "containers", "run-env", "injected")] + [ANNOTATION]
    ),
    texts,
)
containers = st.lists(
    objects(name=texts, env=st.lists(objects(name=texts, value=texts)), envFrom=st.lists(objects())), max_size=2
)
pods = objects(
    metadata=objects(labels=maps, annotations=maps),
    spec=objects(containers=containers, initContainers=containers, ephemeralContainers=containers),
)
variables = objects(
    metadata=objects(annotations=maps),
    spec=objects(scope=st.just("tenant"), name=st.just("TOKEN"), value=texts, sealedValue=texts, valueFrom=anything),
)


def reviews(kind: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Reviews about such objects, and what only looks like one."""
    request = st.fixed_dictionaries(
        {"uid": st.just(UID), "operation": st.sampled_from(["CREATE", "UPDATE", "DELETE"]), "object": kind | anything},
        optional={
            "namespace": st.just("acme"),
            "oldObject": kind | anything,
            "subResource": st.sampled_from(["", "ephemeralcontainers", "status"]),
        },
    )
    whole = st.fixed_dictionaries({"apiVersion": st.just("admission.k8s.io/v1"), "request": request | anything})
    return st.builds(lambda body: json.dumps(body).encode(), whole | anything) | st.binary(max_size=40)


async def must_answer_cleanly(asked: Asked, body: bytes) -> None:
    answer = await asked.raw(body)
    assert answer.status in {200, 400}
    if answer.status == 200 and "patch" not in json.loads(answer.body)["response"]:
        assert CANARY.encode() not in answer.body


@given(reviews(pods))
async def test_anything_may_be_asked_about_pods(body: bytes) -> None:
    await must_answer_cleanly(injecting(*NAMESPACES), body)


@pytest.fixture(scope="module")
def module_sealer(tmp_path_factory: pytest.TempPathFactory) -> Sealer:
    folder: Path = tmp_path_factory.mktemp("keys")
    return Sealer(folder).mount()


@given(body=reviews(variables))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_anything_may_be_asked_about_variables(module_sealer: Sealer, body: bytes) -> None:
    await must_answer_cleanly(module_sealer.asked, body)
