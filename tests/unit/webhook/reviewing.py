"""Reviews as the API server sends them, and what becomes of the object."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from runtimeenv.core.names import DEFAULT_POD_DOMAIN
from runtimeenv.core.pod import OBJECTS_LIMIT, pods_of
from runtimeenv.serving.http import Answer
from runtimeenv.webhook.injection import Injection
from runtimeenv.webhook.namespaces import Namespaces
from runtimeenv.webhook.outcomes import Reviews
from runtimeenv.webhook.reviews import UNBOUNDED, Judge, Reviewer, T
from tests.builders import Manifest
from tests.fakes.cluster import FakeCluster
from tests.patching import applied

UID = "8c1c4e0e-review"


@dataclass
class Verdict:
    """``object`` is the one that goes on, None where it was denied."""

    object: Manifest | None
    code: int = 0
    message: str = ""
    ops: list[dict[str, Any]] = field(default_factory=list)


def review(
    manifest: Manifest | None, old: Manifest | None = None, *, namespace: str = "", sub_resource: str = ""
) -> Manifest:
    """The question about a write of this object."""
    metadata: Mapping[str, str] = (manifest or old or {}).get("metadata", {})
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "namespace": namespace or metadata.get("namespace", ""),
            "operation": "CREATE" if old is None else "UPDATE",
            "subResource": sub_resource,
            "object": manifest,
            "oldObject": old,
            "dryRun": False,
        },
    }


class Asked:
    """A reviewer with its namespaces in a fake cluster."""

    def __init__(self, kind: type[T], judge: Judge[T], *namespaces: Manifest, objects: int = UNBOUNDED) -> None:
        self.cluster = FakeCluster(*namespaces)
        self.namespaces = Namespaces(self.cluster)
        self.registry = CollectorRegistry()
        self._reviewer = Reviewer(kind, judge, self.namespaces, Reviews(self.registry).of("test"), objects)

    async def raw(self, body: bytes) -> Answer:
        """The answer to these bytes."""
        answer = self._reviewer(body)
        return answer if isinstance(answer, Answer) else await answer

    async def about(self, manifest: Manifest, old: Manifest | None = None, *, sub_resource: str = "") -> Verdict:
        """What becomes of a write."""
        asked = review(manifest, old, sub_resource=sub_resource)
        answer = await self.raw(msgspec.json.encode(asked))
        assert answer.status == 200, answer.body
        response = msgspec.json.decode(answer.body)["response"]
        assert response["uid"] == UID
        if not response["allowed"]:
            return Verdict(None, response["status"]["code"], response["status"]["message"])
        assert response.get("patchType") == ("JSONPatch" if "patch" in response else None)
        ops = msgspec.json.decode(base64.b64decode(response.get("patch", "W10=")))
        return Verdict(applied(manifest, ops), ops=ops)

    def count(self, outcome: str) -> float | None:
        """How many reviews ended so."""
        labels = {"review": "test", "outcome": outcome}
        return self.registry.get_sample_value("runtime_env_admission_reviews_total", labels)


def injecting(*namespaces: Manifest, domain: str = DEFAULT_POD_DOMAIN) -> Asked:
    """The reviewer of pods."""
    return Asked(pods_of(domain), Injection(domain).judge, *namespaces, objects=OBJECTS_LIMIT)
