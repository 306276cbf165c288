"""What a pod becomes at admission: a JSON patch that adds references, never a value (design §5.6).

`inject` does all of it or raises; applied to what it made, it answers no operation (the API server may call twice).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from runtimeenv.core import run_env
from runtimeenv.core.names import DEFAULT_POD_DOMAIN, INJECTED_ANNOTATION
from runtimeenv.core.patches import Op, add, member, remove
from runtimeenv.core.pod import Annotations, Container, EnvSource, Pod, PodSpec
from runtimeenv.errors import Invalid

SECRET_PREFIX: Final = "renv."

CONTAINERS_LIMIT: Final = 10_000
RUN_ENV_LIMIT: Final = 2 * 1024 * 1024
"""Bytes that a patch writes for per-run env, all containers together: more than any stored pod has room for."""
OP_SIZE: Final = 64
"""Of an operation that adds an entry, apart from its NAME and value."""
NO_ANNOTATIONS: Final = Annotations()

_INIT: Final = "/spec/initContainers"
_MAIN: Final = "/spec/containers"
_INJECTED: Final = member("/metadata/annotations", INJECTED_ANNOTATION)


class PodTerms(Struct):
    """What a pod's annotations ask for."""

    containers: frozenset[str] | None = None
    """The containers that receive the environment; None: all."""
    run_env: tuple[run_env.Entry, ...] = ()


def pod_terms(pod: Pod, domain: str = DEFAULT_POD_DOMAIN) -> PodTerms:
    """Read ``<domain>/containers`` and ``<domain>/run-env``. Raises Invalid, naming the annotation."""
    annotations = pod.metadata.annotations or NO_ANNOTATIONS
    chosen, text = annotations.containers, annotations.run_env
    _check_count(pod.spec.init_containers, pod.spec.containers)
    terms = PodTerms(
        None if chosen is None else _chosen(f"annotation {domain}/containers", chosen, pod.spec),
        () if text is None else run_env.parse(f"annotation {domain}/run-env", text),
    )
    _check_room(f"annotation {domain}/run-env", terms, pod.spec)
    return terms


def inject(pod: Pod, secret: str, terms: PodTerms) -> list[Op]:
    """The patch that wires a new pod to ``secret``; empty when it is wired already."""
    former = pod.injected
    copied = former if former != secret and former.startswith(SECRET_PREFIX) else None
    wiring = _Wiring(secret, copied, again=former == secret)
    chosen = terms.containers
    ops: list[Op] = []
    for path, containers in ((_INIT, pod.spec.init_containers), (_MAIN, pod.spec.containers)):
        for index, container in enumerate(containers or ()):
            selected = chosen is None or container.name in chosen
            wiring.write(ops, f"{path}/{index}", container.env_from, selected=selected)
            if selected and terms.run_env:
                ops += run_env.write(f"{path}/{index}", container.env, terms.run_env, ignore_case=pod.windows)
    if former != secret:
        ops.append(_annotation(pod, secret))
    return ops


def inject_ephemeral(pod: Pod, stored: Pod) -> list[Op]:
    """The patch that wires the ephemeral containers that ``pod`` adds to the ``stored`` one.

    The stored annotation decides: labels may have changed since the pod was made. A pod without it has no
    environment, and gets none. Raises Invalid where it names no RuntimeEnv's Secret.
    """
    secret = stored.injected
    if not secret:
        return []
    if not secret.startswith(SECRET_PREFIX):
        raise Invalid(f"annotation {INJECTED_ANNOTATION}", "names no environment: remove it, or make the pod anew")
    wiring = _Wiring(secret, None, again=True)
    _check_count(pod.spec.ephemeral_containers)
    known = {container.name for container in stored.spec.ephemeral_containers or ()}
    ops: list[Op] = []
    for index, container in enumerate(pod.spec.ephemeral_containers or ()):
        if container.name not in known:
            wiring.write(ops, f"/spec/ephemeralContainers/{index}", container.env_from, selected=True)
    return ops


class _Wiring:
    """Our reference to one Secret: first of a selected container's ``envFrom``.

    ``copied`` is the Secret that a copied annotation names: references to it are dropped. ``again``: the pod was wired
    before, so a reference of ours further down was pushed there by another webhook, and is not the pod's own.
    """

    __slots__ = ("_again", "_copied", "_reference", "_secret")

    def __init__(self, secret: str, copied: str | None, *, again: bool) -> None:
        self._secret = secret
        self._copied = copied
        self._again = again
        self._reference = {"secretRef": {"name": secret, "optional": False}}

    def write(self, ops: list[Op], path: str, sources: list[EnvSource] | None, *, selected: bool) -> None:
        """Append what the container at ``path`` needs."""
        for source in sources or ():
            if source.secret_ref is not None:
                self._rearrange(ops, path, [_held(source) for source in sources or ()], selected)
                return
        if selected:
            ops.append(self._first(path) if sources else add(f"{path}/envFrom", [self._reference]))

    def _rearrange(self, ops: list[Op], path: str, held: list[str | None], selected: bool) -> None:
        dropped = {i for i, name in enumerate(held) if name is not None and name == self._copied}
        first = next((name for i, name in enumerate(held) if i not in dropped), None)
        missing = selected and first != self._secret
        if missing and self._again and self._secret in held:
            dropped.add(held.index(self._secret))
        ops += [remove(f"{path}/envFrom/{i}") for i in sorted(dropped, reverse=True)]
        if missing:
            ops.append(self._first(path))

    def _first(self, path: str) -> Op:
        return add(f"{path}/envFrom/0", self._reference)


def _chosen(field: str, text: str, spec: PodSpec) -> frozenset[str]:
    run_env.check_length(field, text)
    chosen = frozenset(map(str.strip, text.split(",")))
    known = {container.name for container in (*(spec.init_containers or ()), *(spec.containers or ()))}
    if not chosen <= known or "" in chosen:
        raise Invalid(field, "names a container that this pod does not have: list names of its containers")
    return chosen


def _check_count(*kinds: list[Container] | None) -> None:
    if sum(len(containers or ()) for containers in kinds) > CONTAINERS_LIMIT:
        raise Invalid("spec", f"has more than {CONTAINERS_LIMIT} containers, which no node starts")


def _check_room(field: str, terms: PodTerms, spec: PodSpec) -> None:
    """A few letters for each of many containers make a patch of any size."""
    if not terms.run_env:
        return
    chosen = terms.containers
    containers = (*(spec.init_containers or ()), *(spec.containers or ()))
    count = sum(chosen is None or container.name in chosen for container in containers)
    if count * sum(len(name) + len(value) + OP_SIZE for name, value in terms.run_env) > RUN_ENV_LIMIT:
        raise Invalid(field, "is more than a pod of so many containers can hold: choose containers, or mount a file")


def _held(source: EnvSource) -> str | None:
    """The Secret that an ``envFrom`` refers to as ours do: all its NAMEs as they are, and it must exist."""
    ref = source.secret_ref
    return None if ref is None or ref.optional or source.prefix else ref.name or None


def _annotation(pod: Pod, secret: str) -> Op:
    if pod.metadata.annotations is None:
        return add("/metadata/annotations", {INJECTED_ANNOTATION: secret})
    return add(_INJECTED, secret)
