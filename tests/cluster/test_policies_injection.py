"""`injection: policy`: pods are wired as the webhook would, with no webhook in their way (design §5.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtimeenv.core import names
from runtimeenv.core.identity import Shape
from runtimeenv.core.inject import inject, inject_ephemeral, pod_terms
from runtimeenv.core.names import secret_name
from runtimeenv.core.pod import Pod
from tests.builders import Manifest, pod
from tests.cluster.conftest import DEVELOPER, POD_LABELS, PROJECT, WORKSPACE, Spaces
from tests.cluster.writes import create, raw, refused
from tests.kube import chart
from tests.kube.chart import ChartFailed
from tests.kube.cluster import Cluster, wait
from tests.patching import applied
from tests.symptoms import shown

DOMAIN = names.DEFAULT_POD_DOMAIN
SECRET = secret_name(Shape("sandbox"))
POLICY = "runtime-env-injection"


@pytest.fixture(scope="module")
def cluster(without_webhooks: Cluster, spaces: Spaces) -> Iterator[Cluster]:
    """The control plane with the chart's `injection: policy`."""
    if (
        "/v1 "
        not in without_webhooks.kubectl("api-resources", "--no-headers").out.partition("mutatingadmissionpolicies")[2]
    ):
        pytest.skip("MutatingAdmissionPolicy v1 needs Kubernetes 1.36")
    kinds = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy")
    chart.apply(without_webhooks, chart.of_kind(chart.rendered({"injection": "policy"}), *kinds))
    probe = pod(f"{spaces.tenant}/probe", POD_LABELS)
    wait(lambda: create(without_webhooks, probe).code == 0, "the policy to wire pods")
    yield without_webhooks
    for kind in kinds[:2]:
        without_webhooks.kubectl("delete", kind, POLICY)
    chart.apply(without_webhooks, chart.of_kind(chart.rendered({}), "ValidatingAdmissionPolicy"))
    wait(lambda: "Runtime Env webhook" in create(without_webhooks, probe).err, "the policies to be as they were")


def made(cluster: Cluster, manifest: Manifest) -> Manifest:
    """The pod as it would be stored."""
    argv = ["create", "--dry-run=server", "-o", "json", "-f", "-"]
    found: Manifest = json.loads(cluster.kubectl(*argv, input=json.dumps(manifest), user=DEVELOPER).out)
    return found


def wiring(manifest: Manifest) -> dict[str, Any]:
    """What injection decides: the annotation, and every container's sources of env."""
    spec = manifest["spec"]
    fields = ("initContainers", "containers", "ephemeralContainers")
    sources = {c["name"]: c.get("envFrom") or [] for field in fields for c in spec.get(field) or []}
    return {"injected": (manifest["metadata"].get("annotations") or {}).get(names.INJECTED_ANNOTATION), **sources}


def by_webhook(manifest: Manifest, secret: str = SECRET) -> Manifest:
    """The pod as the webhook would make it."""
    found = msgspec.convert(manifest, Pod)
    wired: Manifest = applied(manifest, inject(found, secret, pod_terms(found)))
    return wired


secrets = st.sampled_from([SECRET, "renv.computer", "of-its-own"])
sources = st.one_of(
    st.builds(lambda name: {"secretRef": {"name": name, "optional": False}}, secrets),
    st.builds(lambda name: {"secretRef": {"name": name}}, secrets),
    st.builds(lambda name: {"secretRef": {"name": name, "optional": True}}, secrets),
    st.builds(lambda name: {"prefix": "P_", "secretRef": {"name": name}}, secrets),
    st.just({"configMapRef": {"name": "settings"}}),
)


@st.composite
def pods(draw: st.DrawFn) -> Manifest:
    """Pods with containers of both kinds, wired before or not, with a copied annotation or a choice of containers."""
    annotations = draw(
        st.fixed_dictionaries(
            {},
            optional={
                names.INJECTED_ANNOTATION: st.sampled_from([SECRET, "renv.computer", "of-its-own", ""]),
                f"{DOMAIN}/containers": st.sampled_from(["first", "setup , second"]),
                "note": st.just("kept"),
            },
        )
    )
    manifest = pod("/", POD_LABELS, annotations)
    for field, called in (("containers", ["first", "second"]), ("initContainers", ["setup"])):
        sets = [draw(st.none() | st.lists(sources, max_size=4)) for _ in called]
        manifest["spec"][field] = [
            {"name": name, "image": "busybox:1", **({} if listed is None else {"envFrom": listed})}
            for name, listed in zip(called, sets, strict=True)
        ]
    return manifest


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(manifest=pods())
@pytest.mark.usefixtures("people")
def test_every_pod_is_wired_as_the_webhook_wires_it(cluster: Cluster, spaces: Spaces, manifest: Manifest) -> None:
    manifest["metadata"] |= {"namespace": spaces.tenant, "name": "x"}
    assert wiring(made(cluster, manifest)) == wiring(by_webhook(manifest))


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("sort", "asked", "shape"),
    [
        ("tenant", {"workspace": "Ws.1", "project": "a-b_c"}, Shape("sandbox", "Ws.1", "a-b_c")),
        ("workspace", {}, Shape("sandbox", WORKSPACE)),
        ("workspace", {"workspace": WORKSPACE, "project": "shop"}, Shape("sandbox", WORKSPACE, "shop")),
        ("project", {}, Shape("sandbox", None, PROJECT)),
    ],
)
def test_labels_and_namespace_choose_the_environment(
    cluster: Cluster, spaces: Spaces, sort: str, asked: dict[str, str], shape: Shape
) -> None:
    labels = POD_LABELS | {f"{DOMAIN}/{word}": text for word, text in asked.items()}
    manifest = pod(f"{getattr(spaces, sort)}/x", labels)
    assert wiring(made(cluster, manifest)) == wiring(by_webhook(manifest, secret_name(shape)))


@pytest.mark.usefixtures("people")
def test_pods_that_do_not_receive_are_left_alone(cluster: Cluster, spaces: Spaces) -> None:
    for labels in ({}, POD_LABELS | {f"{DOMAIN}/inject": "false"}):
        manifest = pod(f"{spaces.tenant}/x", labels)
        assert wiring(made(cluster, manifest)) == wiring(manifest)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("sort", "labels", "annotations", "says"),
    [
        ("stranger", {}, {}, "the namespace is not enrolled"),
        ("tenant", {"target": "vm"}, {}, "use one of sandbox, computer, agent"),
        ("tenant", {"workspace": ""}, {}, "takes any id, but not an empty one"),
        ("workspace", {"workspace": "ws_2"}, {}, f"fixes the workspace as {WORKSPACE}"),
        ("workspace", {"project": "secret"}, {}, "lists its projects in the annotation runtime.miosa.ai/projects"),
        ("project", {"workspace": WORKSPACE}, {}, "and the workspace as none"),
        ("project", {"project": "shop"}, {}, f"fixes the project as {PROJECT}"),
        ("tenant", {}, {"containers": "main, other"}, "list names of this pod's containers"),
        ("tenant", {}, {"run-env": "{}"}, "run-env needs the webhook"),
    ],
)
def test_what_the_webhook_would_deny_is_refused(
    cluster: Cluster, spaces: Spaces, sort: str, labels: dict[str, str], annotations: dict[str, str], says: str
) -> None:
    named = [{f"{DOMAIN}/{word}": text for word, text in words.items()} for words in (labels, annotations)]
    manifest = pod(f"{getattr(spaces, sort)}/x", POD_LABELS | named[0], named[1])
    refused(create(cluster, manifest, user=DEVELOPER), "pods", says)


@pytest.mark.usefixtures("people")
def test_the_document_shows_what_is_refused(cluster: Cluster, spaces: Spaces) -> None:
    def said(namespace: str, labels: dict[str, str], annotations: dict[str, str]) -> str:
        return create(cluster, pod(f"{namespace}/x", POD_LABELS | labels, annotations), user=DEVELOPER).err

    shown("A pod is refused under injection: policy", said(spaces.stranger, {}, {}))
    another = {f"{DOMAIN}/workspace": "ws_2"}
    shown("A pod is refused under injection: policy, for its labels", said(spaces.workspace, another, {}))
    run = {f"{DOMAIN}/run-env": "{}"}
    shown("A pod is refused under injection: policy, for run-env", said(spaces.tenant, {}, run))
    [binding] = [
        found
        for found in chart.of_kind(chart.rendered({"injection": "policy"}), "MutatingAdmissionPolicyBinding")
        if found["metadata"]["name"] == POLICY
    ]
    cluster.kubectl("delete", binding["kind"], POLICY)
    unwired = wait(lambda: said(spaces.tenant, {}, {}), "the policy to wire no more")
    chart.apply(cluster, [binding])
    shown("A pod is refused under injection: policy, for nobody wired it", unwired)
    wait(lambda: not said(spaces.tenant, {}, {}), "the policy to wire pods again")


@pytest.mark.usefixtures("people")
def test_ephemeral_containers_are_wired_too_by_the_pods_annotation(cluster: Cluster, spaces: Spaces) -> None:
    cluster.kubectl("create", "-f", "-", input=json.dumps(pod(f"{spaces.tenant}/debugged", POD_LABELS)))
    cluster.kubectl("label", "pod", "debugged", "-n", spaces.tenant, f"{DOMAIN}/workspace=w")
    stored = cluster.get_json("pod", "debugged", "-n", spaces.tenant)
    own = [{"configMapRef": {"name": "settings"}}]
    debuggers = [{"name": "a", "image": "busybox:1"}, {"name": "b", "image": "busybox:1", "envFrom": own}]
    asked = {**stored, "spec": {**stored["spec"], "ephemeralContainers": debuggers}}
    path = f"/api/v1/namespaces/{spaces.tenant}/pods/debugged/ephemeralcontainers"
    answer = json.loads(raw(cluster, "replace", path, asked, user=DEVELOPER).out)
    operations = inject_ephemeral(msgspec.convert(asked, Pod), msgspec.convert(stored, Pod))
    assert wiring(answer) == wiring(applied(asked, operations))
    assert wiring(answer)["b"][1:] == own


def test_the_webhook_is_out_of_the_way_of_pods() -> None:
    objects = chart.rendered({"injection": "policy"})
    hooks = [hook["name"] for c in chart.of_kind(objects, "MutatingWebhookConfiguration") for hook in c["webhooks"]]
    assert hooks == ["seal.runtime.miosa.ai"]


def test_by_default_there_is_no_such_policy() -> None:
    assert chart.of_kind(chart.rendered({}), "MutatingAdmissionPolicy") == []
    with pytest.raises(ChartFailed):
        chart.rendered({"injection": "none"})
