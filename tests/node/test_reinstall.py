"""Uninstalled and installed again at once: what `helm --wait` calls ready takes the first pod and plaintext."""

from __future__ import annotations

import json
import secrets

from tests import builders
from tests.kube import chart
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.node import pods

TURNS = 2


def test_the_first_pod_and_the_first_plaintext_after_an_installation_are_taken(
    node: Cluster, operator_pods: OperatorPods
) -> None:
    mark = secrets.token_hex(3)
    with pods.enrolled(node, f"again-{mark}", f"tenant-{mark}") as namespace:
        for turn in range(TURNS):
            operator_pods.helm("uninstall", RELEASE)
            install(operator_pods)
            created = node.apply(pods.pod(f"{namespace}/p{turn}", {pods.TARGET_LABEL: "agent"}), "-o", "json").out
            sealed = node.apply(builders.variable(f"{namespace}/v{turn}", f"V{turn}", value="x"), "-o", "json").out
            [container] = json.loads(created)["spec"]["containers"]
            assert container["envFrom"][0]["secretRef"]["name"] == "renv.agent"
            assert json.loads(sealed)["spec"]["sealedValue"].startswith("renv1.")


def install(operator_pods: OperatorPods) -> None:
    values = json.dumps(operator_pods.values)
    operator_pods.helm("install", RELEASE, str(chart.CHART), "--wait", "--timeout=5m", "--values=-", input=values)
