"""A release of the chart by the real Helm 3 and 4: installed, changed, rolled back, uninstalled, installed anew."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtimeenv import __version__
from tests import documents
from tests.cluster.test_chart_values import EVERYTHING
from tests.kube import build, chart, controlplane, foreign_crds, state
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.symptoms import shown

MORE: dict[str, Any] = {**EVERYTHING, "commonLabels": {"team": "platform"}, "injection": "policy"}

CRDS = ("crd/runtimeenvvars.runtime.miosa.ai", "crd/runtimeenvs.runtime.miosa.ai")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A control plane that nothing else installs on."""
    claim = state.claim("control-plane")
    started = controlplane.start(claim.folder)
    with foreign_crds.served(started, foreign_crds.OF_THE_CHART):
        yield started
    started.stop()
    claim.release()


def standing(cluster: Cluster) -> set[tuple[str, str]]:
    """Kind and name of all that carries the release's label."""
    kinds = (
        "deployments,services,ingresses,poddisruptionbudgets,networkpolicies,podmonitors,prometheusrules,"
        "serviceaccounts,roles,rolebindings"
    )
    wide = (
        "customresourcedefinitions,clusterroles,clusterrolebindings,priorityclasses,mutatingwebhookconfigurations,"
        "validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingadmissionpolicies,"
        "mutatingadmissionpolicybindings"
    )
    label = "--selector=app.kubernetes.io/name=runtime-env"
    items = [
        item
        for words in ((kinds, f"--namespace={NAMESPACE}"), (wide,))
        for item in cluster.get_json(*words, label)["items"]
    ]
    return {(item["kind"], item["metadata"]["name"]) for item in items}


def identities(values: dict[str, Any]) -> set[tuple[str, str]]:
    return {(found["kind"], found["metadata"]["name"]) for found in chart.rendered(values)}


@pytest.mark.parametrize("program", chart.HELMS)
def test_a_release_comes_changes_goes_back_and_goes(cluster: Cluster, program: str) -> None:
    def helm(*words: str, values: dict[str, Any] | None = None) -> str:
        where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}")
        given = ("--values=-",) if values is not None else ()
        return chart.helm(*words, *where, *given, input=json.dumps(values), program=program)

    install = ("upgrade", "--install", "--create-namespace", "runtime-env", str(chart.CHART))
    helm(*install, values={})
    assert standing(cluster) == identities({})
    helm(*install, values=MORE)
    assert standing(cluster) == identities(MORE)
    helm("rollback", "runtime-env", "1")
    assert standing(cluster) == identities({})
    said = helm("uninstall", "runtime-env")
    kept = {(kind, name) for kind, name in identities({}) if kind == "CustomResourceDefinition"}
    assert standing(cluster) == kept
    assert all(name in said for _, name in kept)
    helm(*install, values={})
    assert standing(cluster) == identities({})
    helm("uninstall", "runtime-env")


@pytest.mark.parametrize("program", chart.HELMS)
def test_the_printed_upgrade_runs_the_image_of_the_new_release(cluster: Cluster, program: str, tmp_path: Path) -> None:
    shutil.copytree(chart.CHART, tmp_path / "chart")
    described = (tmp_path / "chart/Chart.yaml").read_text()
    (tmp_path / "chart/Chart.yaml").write_text(re.sub('appVersion: ".*"', 'appVersion: "0.0.1"', described))
    [installation, upgrade] = [printed(section)[0] for section in ("Install", "Upgrade")]

    def images(words: list[str], folder: Path) -> set[str]:
        argv = [str(folder) if word == "charts/runtime-env" else word for word in words if word != "--wait"]
        chart.helm(*argv, f"--kubeconfig={cluster.kubeconfig}", program=program)
        deployments = cluster.get_json("deployments", f"--namespace={NAMESPACE}")["items"]
        pods = [deployment["spec"]["template"]["spec"] for deployment in deployments]
        return {pod["containers"][0]["image"].rpartition("/")[2] for pod in pods}

    assert images(installation, tmp_path / "chart") == {"runtime-env:0.0.1"}
    assert images(upgrade, chart.CHART) == {f"runtime-env:{__version__}"}
    chart.helm("uninstall", "runtime-env", f"--kubeconfig={cluster.kubeconfig}", f"-n={NAMESPACE}", program=program)


@pytest.mark.parametrize("program", chart.HELMS)
def test_helm_takes_over_what_kubectl_applied(cluster: Cluster, program: str) -> None:
    cluster.kubectl("apply", "--server-side", "--filename", str(documents.REPOSITORY / "deploy/install.yaml"))
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}")
    install = ("install", "runtime-env", str(chart.CHART), *where)
    with pytest.raises(chart.ChartFailed, match="invalid ownership metadata"):
        chart.helm(*install, program=program)
    chart.helm(*install, "--take-ownership", program=program)
    assert standing(cluster) == identities({})
    chart.helm("uninstall", "runtime-env", *where, program=program)
    chart.until_served(cluster, chart.of_kind(chart.rendered({}), "CustomResourceDefinition"))
    cluster.kubectl("delete", *CRDS)


def printed(section: str) -> list[list[str]]:
    """The commands of helm in a section of docs/operations.md."""
    every = [words for line in documents.section(section) for words in documents.programs(line)]
    return [words for program, *words in every if program == "helm"]


@pytest.mark.parametrize("program", chart.HELMS)
def test_an_installation_that_was_killed_is_uninstalled_and_made_again(cluster: Cluster, program: str) -> None:
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}")
    install = ("upgrade", "--install", "--create-namespace", "runtime-env", str(chart.CHART), *where)
    argv = [str(build.binaries([program], print) / program), *install, "--wait"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as helm:  # no pod runs here
        wait(lambda: standing(cluster) == identities({}), "the objects of the chart")
        helm.kill()
    with pytest.raises(chart.ChartFailed) as locked:
        chart.helm(*install, program=program)
    shown("An earlier command was killed", str(locked.value))
    assert "pending-install" in chart.helm("history", "runtime-env", *where, program=program)
    chart.helm("uninstall", "runtime-env", *where, program=program)
    chart.helm(*install, program=program)
    assert standing(cluster) == identities({})
    chart.helm("uninstall", "runtime-env", *where, program=program)


@pytest.mark.parametrize("program", chart.HELMS)
def test_an_upgrade_that_reuses_values_lacks_the_new_ones(cluster: Cluster, program: str, tmp_path: Path) -> None:
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}", "--create-namespace")
    (tmp_path / "templates").mkdir()
    shutil.copy(chart.CHART / "Chart.yaml", tmp_path)
    before = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    del before["networkPolicy"]  # as if the next release had brought it
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(before))
    chart.helm("install", "runtime-env", str(tmp_path), *where, program=program)
    with pytest.raises(chart.ChartFailed) as lacking:
        chart.helm("upgrade", "runtime-env", str(chart.CHART), "--reuse-values", *where, program=program)
    shown("An upgrade lacks a value", str(lacking.value))
    chart.helm("upgrade", "runtime-env", str(chart.CHART), "--reset-then-reuse-values", *where, program=program)
    chart.helm("uninstall", "runtime-env", *where[:2], program=program)


@pytest.mark.parametrize("program", chart.HELMS)
def test_an_upgrade_that_forgets_the_pod_domain_is_refused(cluster: Cluster, program: str) -> None:
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}")
    upgrade = ("upgrade", "--install", "--create-namespace", "runtime-env", str(chart.CHART), *where)
    chart.helm(*upgrade, "--set=podDomain=users.io", program=program)
    with pytest.raises(chart.ChartFailed) as forgotten:
        chart.helm(*upgrade, "--set=logLevel=debug", program=program)
    shown("An upgrade would change the pods' domain", str(forgotten.value))
    chart.helm(*upgrade, "--set=logLevel=debug", "--reset-then-reuse-values", program=program)
    policy = cluster.get_json("validatingadmissionpolicy", "runtime-env-pods")["spec"]
    assert policy["matchConstraints"]["objectSelector"]["matchExpressions"][0]["key"] == "users.io/target"
    chart.helm("uninstall", "runtime-env", *where, program=program)
    chart.helm(*upgrade, program=program)
    chart.helm("uninstall", "runtime-env", *where, program=program)
