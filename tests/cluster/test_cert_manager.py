"""`certificates: cert-manager`, with a real cert-manager: it issues, has its authority trusted, and renews."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterator

import pytest

from runtimeenv.core import names
from tests import builders
from tests.cluster import homes
from tests.cluster.homes import Home
from tests.cluster.test_restarts_keys import bundles, seals
from tests.cluster.writes import accepted, create
from tests.kube import cert_manager, chart, gitops, launches
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.fixtures import teller
from tests.kube.operator import Operator
from tests.steady import steadily

LABELS = {f"{names.DEFAULT_POD_DOMAIN}/target": "agent"}
HOST = f"runtime-env-webhook.{NAMESPACE}.svc"


@pytest.fixture(scope="module")
def certified(untended: Cluster, pytestconfig: pytest.Config) -> Iterator[Operator]:
    """The operator where cert-manager was before it."""
    if untended.tier != "control-plane":
        pytest.skip("the cluster of RUNTIME_ENV_CONTEXT can't call webhooks on this machine")
    with cert_manager.started(untended, teller(pytestconfig)):
        installed = Operator.install(untended, {"certificates": "cert-manager"})
        yield installed
        installed.stop()


@pytest.fixture(scope="module")
def house(certified: Operator) -> Iterator[Home]:
    with homes.new(certified) as made:
        yield made


def served(operator: Operator) -> bytes:
    """The certificate that the webhook shows, in DER, if the API server would trust it by either configuration."""
    [trusted] = bundles(operator.cluster)
    context = ssl.create_default_context(cadata=base64.b64decode(trusted).decode())
    address = ("127.0.0.1", operator.launches["webhook"].webhook_port)
    with socket.create_connection(address) as plain, context.wrap_socket(plain, server_hostname=HOST) as tls:
        return tls.getpeercert(binary_form=True) or b""


def issued(operator: Operator, entry: str = "tls.crt") -> bytes:
    """One certificate of the webhook's Secret, in DER."""
    pem = base64.b64decode(cert_manager.issued(operator.cluster)[entry]).decode()
    return ssl.PEM_cert_to_DER_cert(pem)


def test_the_webhook_seals_and_injects_by_the_certificate_that_was_issued(certified: Operator, house: Home) -> None:
    wait(lambda: served(certified) == issued(certified), "the webhook to be trusted with its certificate")
    seals(house)
    house.apply(house.variable("greeting", value="hello"))
    house.ready("greeting")
    assert "value" not in house.get("rvar/greeting")["spec"]
    done = create(certified.cluster, builders.pod(f"{house.namespace}/agent", LABELS), output="json")
    accepted(done)
    assert '"name": "renv.agent"' in done.out


def test_the_certificate_and_its_authority_are_as_the_controller_would_issue_them(certified: Operator) -> None:
    pairs = [certified.cluster.get_json("secret", f"runtime-env-webhook-{n}", "-n", NAMESPACE) for n in ("tls", "ca")]
    for found in pairs:
        assert found["type"] == "kubernetes.io/tls"
        assert found["metadata"]["labels"][names.EXCLUDE_FROM_BACKUP_LABEL] == "true"
        assert base64.b64decode(found["data"]["tls.key"]).startswith(b"-----BEGIN PRIVATE KEY-----")
    assert pairs[0]["data"]["ca.crt"] == pairs[1]["data"]["tls.crt"] != pairs[0]["data"]["tls.crt"]


@pytest.mark.parametrize("way", gitops.WAYS, ids=" ".join)
def test_what_cert_manager_and_its_injector_write_is_no_drift_for_argo_cd(
    certified: Operator, way: tuple[str, ...]
) -> None:
    objects = launches.by_url(chart.rendered({"certificates": "cert-manager"}), list(certified.launches.values()))
    wait(lambda: all(bundles(certified.cluster)), "the authority to be trusted")
    assert gitops.drifted(certified.cluster, objects, *way) == []


@pytest.mark.parametrize("how", ["renewed", "deleted"])
def test_a_new_certificate_is_served_without_a_refused_admission(certified: Operator, house: Home, how: str) -> None:
    old, authority = issued(certified), issued(certified, "ca.crt")
    pod = builders.pod(f"{house.namespace}/agent", LABELS)
    with steadily(lambda: create(certified.cluster, pod).err) as refusals:
        if how == "renewed":
            cert_manager.renew(certified.cluster)
        else:
            certified.cluster.kubectl("delete", "secret", names.SERVING_SECRET, "-n", NAMESPACE)
        wait(lambda: served(certified) not in (old, b""), "the webhook to show another certificate")
        wait(lambda: served(certified) == issued(certified), "the webhook to show the new certificate")
    assert refusals == []
    assert issued(certified, "ca.crt") == authority


def test_a_new_authority_is_trusted_beside_the_old_one(certified: Operator, house: Home) -> None:
    old = issued(certified, "ca.crt")
    pod = builders.pod(f"{house.namespace}/agent", LABELS)
    with steadily(lambda: create(certified.cluster, pod).err) as refusals:
        cert_manager.renew(certified.cluster, "runtime-env-webhook-ca")
        cert_manager.renew(certified.cluster)
        wait(lambda: served(certified) == issued(certified), "the webhook to show a certificate of the new authority")
    assert refusals == []
    [trusted] = bundles(certified.cluster)
    assert base64.b64decode(trusted).count(b"BEGIN CERTIFICATE") > 1
    assert issued(certified, "ca.crt") != old


def test_the_controller_leaves_certificates_and_configurations_alone(certified: Operator) -> None:
    before = cert_manager.issued(certified.cluster), bundles(certified.cluster)
    certified.restart("controller")
    certified.wait_ready()
    assert (cert_manager.issued(certified.cluster), bundles(certified.cluster)) == before
    assert not [log for log in certified.logs() if "certificate issued" in log.read_text()]


def test_an_issuer_of_ones_own_takes_over_without_a_refused_admission(certified: Operator, house: Home) -> None:
    ours = {"name": "ours", "kind": "ClusterIssuer"}
    root = {"isCA": True, "commonName": "ours", "secretName": "ours", "issuerRef": {**ours, "name": "root"}}
    certified.cluster.apply(
        [
            builders.namespace("cert-manager"),
            cert_manager.manifest("ClusterIssuer", "root", selfSigned={}),
            cert_manager.manifest("Certificate", "ours", "cert-manager", **root),
            cert_manager.manifest("ClusterIssuer", "ours", ca={"secretName": "ours"}),
        ]
    )
    objects = chart.rendered({"certificates": "cert-manager", "certManager": {"issuerRef": ours}})
    pod = builders.pod(f"{house.namespace}/agent", LABELS)
    with steadily(lambda: create(certified.cluster, pod).err) as refusals:
        chart.apply(certified.cluster, launches.by_url(chart.of_kind(objects, "Certificate"), []))
        wait(lambda: issued(certified, "ca.crt") == authority(certified), "the certificate to be issued by ours")
        wait(lambda: served(certified) == issued(certified), "the webhook to show it")
    assert refusals == []


def authority(operator: Operator) -> bytes:
    """The certificate of the authority of one's own, in DER."""
    data = operator.cluster.get_json("secret", "ours", "-n", "cert-manager")["data"]
    return ssl.PEM_cert_to_DER_cert(base64.b64decode(data["tls.crt"]).decode())
