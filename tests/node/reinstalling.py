"""A release installed where one was before."""

from __future__ import annotations

import json

from tests import builders
from tests.kube import chart
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster
from tests.kube.operator_pods import RELEASE, OperatorPods
from tests.node import pods


def kept(node: Cluster, namespace: str) -> dict[str, str]:
    """A namespace's variables, and all Secrets that the operator made there and for itself but its certificate, with
    their versions."""
    secrets = ("secrets", "--field-selector=type!=helm.sh/release.v1,type!=kubernetes.io/tls")
    listed = [("rvar", "-n", namespace), (*secrets, "-n", namespace), (*secrets, "-n", NAMESPACE)]
    items = [item for words in listed for item in node.get_json(*words)["items"]]
    named = {f"{i['kind']} {i['metadata']['namespace']}/{i['metadata']['name']}": i["metadata"] for i in items}
    return {name: metadata["resourceVersion"] for name, metadata in named.items() if "webhook-ca" not in name}


def install(operator_pods: OperatorPods, *options: str, release: str = RELEASE) -> str:
    """`helm install` with the values of before; what it printed. Raises ChartFailed."""
    values = json.dumps(operator_pods.values)
    return operator_pods.helm("install", release, str(chart.CHART), *options, "--values=-", input=values)


def takes_what_comes(node: Cluster, namespace: str) -> None:
    """A pod and a plaintext that come now are wired and sealed; neither is stored."""
    dry = ("--dry-run=server", "-o", "json")
    created = node.apply(pods.pod(f"{namespace}/first", {pods.TARGET_LABEL: "agent"}), *dry).out
    sealed = node.apply(builders.variable(f"{namespace}/first", "FIRST", value="x"), *dry).out
    [container] = json.loads(created)["spec"]["containers"]
    assert container["envFrom"][0]["secretRef"]["name"] == "renv.agent"
    assert json.loads(sealed)["spec"]["sealedValue"].startswith("renv1.")
