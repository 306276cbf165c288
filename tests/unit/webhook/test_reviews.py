import base64

import msgspec
import pytest

from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.core.identity import Ref
from runtimeenv.core.patches import add
from runtimeenv.errors import Denied, Invalid, Unavailable
from runtimeenv.webhook.reviews import allowed, denied, patched
from tests.builders import namespace, pod
from tests.unit.webhook.reviewing import injecting

CANARY = "canary-77aa"


def test_an_allowed_object_goes_on_as_it_is() -> None:
    assert msgspec.json.decode(allowed("u").body) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u", "allowed": True},
    }


def test_a_patch_is_json_patch_in_base64() -> None:
    response = msgspec.json.decode(patched("u", [add("/x", 1)]).body)["response"]
    assert (response["allowed"], response["patchType"]) == (True, "JSONPatch")
    assert msgspec.json.decode(base64.b64decode(response["patch"])) == [{"op": "add", "path": "/x", "value": 1}]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Invalid("spec.value", "is not text"), 422, "spec.value: is not text"),
        (Denied("not yours"), 403, "not yours"),
        (Unavailable(0, "get namespace acme"), 503, "get namespace acme: no answer from the API server; try again"),
    ],
)
def test_a_refusal_has_a_code_and_one_sentence(error: Invalid | Denied | Unavailable, code: int, message: str) -> None:
    response = msgspec.json.decode(denied("u", error).body)["response"]
    assert response == {"uid": "u", "allowed": False, "status": {"code": code, "message": message}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        CANARY.encode(),
        b"\xff" + CANARY.encode(),
        b"[" * 200_000,
        b'{"x":' + b"[" * 200_000,
        b'{"apiVersion":"%s","request":{"uid":"u"}}' % CANARY.encode(),
        b'{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}',
        b'{"apiVersion":"admission.k8s.io/v1"}',
        b'{"apiVersion":"admission.k8s.io/v1","request":{}}',
        b'{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u","object":"%s"}}' % CANARY.encode(),
        b'{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u","object":{"metadata":{"labels":{"x":"\xff"}}}}}',
        b'{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u","object":{"metadata":{"labels":{"x":"\\ud800"}}}}}',
    ],
)
async def test_what_is_no_review_is_a_400_without_echo(body: bytes) -> None:
    answer = await injecting().raw(body)
    assert answer.status == 400
    assert CANARY.encode() not in answer.body


async def test_an_api_server_that_can_not_say_denies_for_now() -> None:
    asked = injecting(namespace("acme", "t1"))
    asked.cluster.faults.fail(Unavailable(500, "get namespaces acme"))
    verdict = await asked.about(pod("acme/x", {"runtime.miosa.ai/target": "agent"}))
    assert (verdict.object, verdict.code) == (None, 503)
    assert verdict.message.endswith("; try again")


@pytest.mark.parametrize("enrolled", [True, False], ids=["at once", "after a GET"])
async def test_a_review_is_timed_whether_it_waits_for_its_namespace_or_not(*, enrolled: bool) -> None:
    asked = injecting(namespace("acme", "t1"))
    if enrolled:
        known = await asked.cluster.get(NAMESPACES, Ref("", "acme"))
        assert known is not None
        asked.namespaces.put(known)
    await asked.about(pod("acme/x", {"runtime.miosa.ai/target": "agent"}))
    assert asked.registry.get_sample_value("runtime_env_admission_review_seconds_count", {"review": "test"}) == 1


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_fault_is_counted_and_passes_through(*, waiting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = injecting(namespace("acme", "t1"))

    def broken(_name: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(asked.namespaces, "read" if waiting else "known", broken)
    with pytest.raises(ZeroDivisionError):
        await asked.about(pod("acme/x", {"runtime.miosa.ai/target": "agent"}))
    assert asked.count("failed") == 1
