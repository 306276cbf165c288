"""Reviews of pods: which environment one gets, and the patch that wires it (design §5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from runtimeenv.core.inject import inject, inject_ephemeral, pod_terms
from runtimeenv.core.names import secret_name
from runtimeenv.core.patches import Op
from runtimeenv.core.pod import Pod
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.errors import Invalid
from runtimeenv.webhook.reviews import EnrolmentNeeded, Request

EPHEMERAL: Final = "ephemeralcontainers"


class Injection:
    """Judges pods; ``domain`` is that of their labels and annotations: `pods_of` it reads them."""

    def __init__(self, domain: str) -> None:
        self._domain = domain

    def judge(self, request: Request[Pod], enrolment: Enrolment | None) -> Sequence[Op]:
        """The operations for a pod, or for ephemeral containers added to one. See Judge."""
        pod = request.object
        if pod is None:
            return ()
        if request.operation == "CREATE" and not request.sub_resource:
            return self._created(pod, enrolment)
        if request.sub_resource == EPHEMERAL and request.old_object is not None:
            return inject_ephemeral(pod, request.old_object)
        return ()

    def _created(self, pod: Pod, enrolment: Enrolment | None) -> Sequence[Op]:
        labels = pod.metadata.labels
        if labels is None or labels.target is None or labels.inject == "false":
            return ()
        if enrolment is None:
            raise EnrolmentNeeded
        secret = _environment(enrolment, self._domain, labels.target, labels.workspace, labels.project)
        return inject(pod, secret, pod_terms(pod, self._domain))


@lru_cache(maxsize=1 << 14)
def _environment(enrolment: Enrolment, domain: str, target: str, workspace: str | None, project: str | None) -> str:
    """The name of the environment that these labels choose; pods come in series, and refusals aren't kept."""
    shape = enrolment.choose(target, workspace, project, lambda word: f"label {domain}/{word}")
    try:
        return secret_name(shape)
    except Invalid:
        field = f"labels {domain}/workspace and {domain}/project"
        raise Invalid(field, "make the name of the environment too long: use shorter ids") from None
