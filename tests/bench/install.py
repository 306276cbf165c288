"""From `helm install` to the first pod that runs with its environment, on a node that has the image."""

from __future__ import annotations

import sys
import time

from tests import builders
from tests.bench.report import Row
from tests.kube import images, operator_image, state, tiers
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import OperatorPods
from tests.node import pods


def measured() -> tuple[list[Row], list[str]]:
    """No ratio: there is no floor to an installation. The seconds of each step, from the start."""
    if reason := tiers.lacking("node") or operator_image.lacking():
        return [], [f"install: can't run here: {reason}"]
    claim = state.claim("bench")
    try:
        cluster = tiers.start("node", claim.folder, [images.busybox(claim.folder)], _tell)
        try:
            return [], [f"install: {what}: {seconds:.1f} s" for what, seconds in _steps(cluster)]
        finally:
            cluster.stop()
    finally:
        claim.release()


def _steps(cluster: Cluster) -> list[tuple[str, float]]:
    release = OperatorPods.prepared(cluster, {"logLevel": "info"}, _tell)
    began, passed = time.monotonic(), []

    def step(what: str) -> None:
        passed.append((what, time.monotonic() - began))

    release.upgrade()
    step("helm install --wait, policies in force")
    cluster.apply(builders.namespace("first", "first"))
    pods.define(cluster, builders.variable("first/greeting", "GREETING", value="hello"))
    step("a namespace enrolled, its first variable Ready")
    pods.start(cluster, pods.pod("first/pod", {pods.TARGET_LABEL: "sandbox"}))
    step("the first injected pod Ready")
    assert pods.environment(cluster, "first", "pod")["GREETING"] == "hello"
    return passed


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
