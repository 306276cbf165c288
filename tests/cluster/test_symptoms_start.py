"""docs/troubleshooting.md, of a controller that is not ready, and of helm; on a control plane without an operator."""

from __future__ import annotations

import subprocess

from runtimeenv.core import names
from tests import builders
from tests.cluster.writes import SEALED
from tests.kube import build, chart, operator, pki
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator
from tests.symptoms import shown

CONTROLLER = "controller"


def test_what_a_controller_waits_for(untended: Cluster) -> None:
    started = Operator(untended, operator.plan(untended, {}))
    launch = started.launches[CONTROLLER]
    nowhere = pki.kubeconfig(untended.folder / "nowhere.kubeconfig", "https://127.0.0.1:1", untended.ca, {"token": "x"})
    lost = untended.spawn(launch.argv, env={**launch.env, "KUBECONFIG": str(nowhere)}, log=untended.folder / "lost.log")
    says(started, "The API server is away")
    lost.stop()
    crds = [f"crd/{crd['metadata']['name']}" for crd in chart.of_kind(chart.rendered({}), "CustomResourceDefinition")]
    untended.kubectl("delete", *crds)
    started.spawn(CONTROLLER)
    says(started, "The CRDs are missing")
    chart.apply(untended, chart.of_kind(chart.rendered({}), "CustomResourceDefinition"))
    wait(launch.ready, "the controller to be ready")
    untended.apply(builders.namespace("acme", "acme"))
    untended.apply(builders.variable("acme/x", sealed=SEALED))
    keys = ("secret", names.KEYRING_SECRET, names.KEK_SECRET, "-n", NAMESPACE)
    backup = untended.kubectl("get", *keys, "-o", "yaml").out
    untended.kubectl("delete", "secret", names.KEK_SECRET, "-n", NAMESPACE)
    started.restart(CONTROLLER)
    says(started, "The key-encryption key is missing")
    untended.kubectl("delete", "secret", names.KEYRING_SECRET, "-n", NAMESPACE)
    says(started, "The keyring is missing")
    untended.kubectl("create", "--filename=-", input=backup)
    wait(launch.ready, "the controller to be ready with the keys as the documents back them up and restore them")
    started.stop()


def test_keys_of_a_backup_replace_those_of_a_new_installation(untended: Cluster) -> None:
    started = Operator(untended, operator.plan(untended, {}))
    keys = ("secret", names.KEYRING_SECRET, names.KEK_SECRET, "-n", NAMESPACE)
    untended.kubectl("delete", "rvar", "--all", "--all-namespaces")
    started.spawn(CONTROLLER)
    wait(started.launches[CONTROLLER].ready, "the controller to be ready")
    before, backup = published(untended), untended.kubectl("get", *keys, "-o", "yaml").out
    encrypted = ("get", "secrets", "-A", f"--field-selector=type={names.ENCRYPTED_TYPE}", "-o", "name")
    wait(lambda: not untended.kubectl(*encrypted).out, "no encrypted Secret to be left")
    untended.kubectl("delete", *keys)
    started.restart(CONTROLLER)
    wait(lambda: published(untended) != before, "keys of a new installation")
    untended.kubectl("delete", *keys)
    untended.kubectl("create", "--filename=-", input=backup)
    started.restart(CONTROLLER)
    wait(lambda: published(untended) == before, "the public key of the backup")
    started.stop()


def published(cluster: Cluster) -> str:
    key: str = cluster.get_json("configmap", names.PUBLIC_KEY_CONFIG_MAP, "-n", NAMESPACE)["data"]["sealing-key"]
    return key


def says(started: Operator, symptom: str) -> None:
    """Wait until its readiness probe shows what the document shows."""
    launch = started.launches[CONTROLLER]

    def compared() -> bool:
        shown(symptom, launch.missing())
        return True

    wait(compared, symptom)


def test_an_installation_over_crds_that_are_left(untended: Cluster) -> None:
    chart.apply(untended, chart.of_kind(chart.rendered({}), "CustomResourceDefinition"))
    helm = build.binaries(["helm"], print) / "helm"
    where = (f"--kubeconfig={untended.kubeconfig}", "--namespace=elsewhere", "--create-namespace")
    argv = [str(helm), "install", "another", str(chart.CHART), *where]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode != 0, "it was installed"
    shown("Something is left over", done.stderr)
