"""Strategies for pods as the API server sends them, and what to say about the patched ones."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from runtimeenv.core.inject import inject, pod_terms
from runtimeenv.core.names import INJECTED_ANNOTATION
from runtimeenv.core.pod import Pod, pods_of
from tests.patching import applied

SECRET = "renv.sandbox.p-blog"
OTHER = "renv.agent"
DOMAIN = "sandbox.users.io"

Manifest = dict[str, Any]

secret_names = st.sampled_from([SECRET, OTHER, "renv.computer", "settings"])
sources = st.one_of(
    st.builds(lambda name: {"secretRef": {"name": name, "optional": False}}, secret_names),
    st.builds(lambda name: {"secretRef": {"name": name}}, secret_names),
    st.builds(lambda name: {"secretRef": {"name": name, "optional": True}}, secret_names),
    st.builds(lambda name: {"prefix": "P_", "secretRef": {"name": name}}, secret_names),
    st.just({"configMapRef": {"name": "settings"}}),
)
variables = st.builds(
    lambda name, value: {"name": name, "value": value},
    st.sampled_from(["A", "B", "RUN", "STEP"]),
    st.text("x$()A", max_size=5),
)


def _container(name: str) -> st.SearchStrategy[Manifest]:
    return st.fixed_dictionaries(
        {"name": st.just(name), "image": st.just("busybox:1")},
        optional={
            "env": st.none() | st.lists(variables, max_size=4),
            "envFrom": st.none() | st.lists(sources, max_size=4),
            "restartPolicy": st.just("Always"),
        },
    )


def _containers(*names: str) -> st.SearchStrategy[list[Manifest] | None]:
    return st.none() | st.lists(st.sampled_from(names), unique=True).flatmap(
        lambda n: st.tuples(*map(_container, n)).map(list)
    )


annotated: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {},
    optional={
        "example.com/note": st.just("kept"),
        INJECTED_ANNOTATION: st.sampled_from([SECRET, OTHER, "settings", ""]),
        f"{DOMAIN}/run-env": st.sampled_from(["{}", '{"RUN": "7"}', '{"RUN": "$(A)", "STEP": ""}']),
    },
)


@st.composite
def pods(draw: st.DrawFn) -> Manifest:
    """Pods with containers of every kind, or none, wired before or not."""
    spec: Manifest = {"containers": draw(_containers("main", "worker", "proxy"))}
    if draw(st.booleans()):
        spec["initContainers"] = draw(_containers("setup", "sidecar"))
    if draw(st.booleans()):
        spec["os"] = {"name": "windows"}
    metadata: Manifest = {"generateName": "a-", "annotations": draw(st.none() | annotated)}
    pod: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    known = [container["name"] for container in containers(pod)]
    if draw(st.booleans()) and known:
        chosen = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
        metadata["annotations"] = {**(metadata["annotations"] or {}), f"{DOMAIN}/containers": ", ".join(chosen)}
    return pod


def containers(pod: Manifest) -> list[Manifest]:
    """Its init and main containers."""
    return [*(pod["spec"].get("initContainers") or []), *(pod["spec"].get("containers") or [])]


def selected(pod: Manifest) -> list[bool]:
    """Whether each of `containers` is to receive the environment."""
    chosen = (pod["metadata"].get("annotations") or {}).get(f"{DOMAIN}/containers")
    names = None if chosen is None else chosen.split(", ")
    return [names is None or container["name"] in names for container in containers(pod)]


def read(pod: Manifest) -> Pod:
    """As the webhook reads it."""
    return msgspec.json.decode(msgspec.json.encode(pod), type=pods_of(DOMAIN))


def wired(pod: Manifest, secret: str = SECRET) -> Manifest:
    """The pod after its patch."""
    decoded = read(pod)
    patched: Manifest = applied(pod, inject(decoded, secret, pod_terms(decoded, DOMAIN)))
    return patched
