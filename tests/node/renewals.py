"""The webhook's serving certificate, replaced while it serves."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from runtimeenv.core import names
from runtimeenv.crypto.certificates import SERVING_LIFETIME, Certified, expiry, issue_serving, service_hosts
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator_pods import OperatorPods
from tests.node.changes import found

AUTHORITY = "runtime-env-webhook-ca"
SERVICE = "runtime-env-webhook"
HOST = f"{SERVICE}.{NAMESPACE}.svc"
SOON = timedelta(seconds=60)


def rotate(release: OperatorPods) -> None:
    """The serving Secret is deleted: another certificate is issued, and shown by each replica."""
    old = stored(release.cluster).certificate
    release.kubectl("delete", "secret", names.SERVING_SECRET)
    _until_renewed(release, old)


def rotate_authority(release: OperatorPods) -> None:
    """The authority's Secret is deleted: another is made and trusted beside the old one, and it issues anew."""
    old = stored(release.cluster).certificate
    release.kubectl("delete", "secret", AUTHORITY)
    _until_renewed(release, old)


def outlive(release: OperatorPods) -> None:
    """The certificate in use ends in a minute; the controller comes back, and has it replaced before. Then it ends."""
    with outlived(release):
        pass


@contextmanager
def outlived(release: OperatorPods) -> Iterator[None]:
    """The same; the block is what happens between the replacement and the end."""
    old = _ending(release, SOON)
    _until_renewed(release, old)
    assert datetime.now(UTC) < expiry(old), "the certificate ended before another was in use"
    yield
    wait(lambda: datetime.now(UTC) > expiry(old), "the old certificate to end", timeout=SOON.seconds)


def expire(release: OperatorPods) -> None:
    """The certificate in use has ended when the controller comes back."""
    _until_renewed(release, _ending(release, -timedelta(minutes=5)))


def stored(cluster: Cluster, name: str = names.SERVING_SECRET) -> Certified:
    """The pair in a Secret."""
    data = {
        key: base64.b64decode(text) for key, text in cluster.get_json("secret", name, "-n", NAMESPACE)["data"].items()
    }
    return Certified(data["tls.crt"], data["tls.key"])


def _ending(release: OperatorPods, remains: timedelta) -> bytes:
    """Each replica shows a certificate of the authority's that ends then, issued while no controller ran."""
    cluster = release.cluster
    release.kubectl("scale", "deployment/runtime-env-controller", "--replicas=0")
    wait(lambda: not found(release, "controller"), "the controllers to end")
    issued = datetime.now(UTC) - SERVING_LIFETIME + remains
    pair = issue_serving(stored(cluster, AUTHORITY), service_hosts(SERVICE, NAMESPACE), issued)
    data = {"tls.crt": base64.b64encode(pair.certificate), "tls.key": base64.b64encode(pair.private_key)}
    patch = json.dumps({"data": {key: text.decode() for key, text in data.items()}})
    release.kubectl("patch", "secret", names.SERVING_SECRET, "--type=merge", "-p", patch)
    _until_shown(release, pair.certificate)
    release.kubectl("scale", "deployment/runtime-env-controller", "--replicas=2")
    return pair.certificate


def _until_renewed(release: OperatorPods, old: bytes) -> None:
    wait(lambda: stored(release.cluster).certificate != old, "another certificate to be issued")
    _until_shown(release, stored(release.cluster).certificate)


def _until_shown(release: OperatorPods, certificate: bytes) -> None:
    """A change of its pods has the kubelet look at their Secrets now instead of within a minute."""
    pods = [pod["metadata"]["name"] for pod in found(release, "webhook")]
    release.kubectl("annotate", "pods", *pods, "--overwrite", f"tests/looked-at={secrets.token_hex(3)}")
    addresses = [pod["status"]["podIP"] for pod in found(release, "webhook")]
    wait(
        lambda: all(shows(release.cluster, at, certificate) for at in addresses), "the webhook to show it", timeout=120
    )


def shows(cluster: Cluster, address: str, certificate: bytes) -> bool:
    """Whether a replica answers with that certificate."""
    url, to = f"https://{HOST}/", f"{HOST}:443:{address}:9443"
    argv = [*cluster.reach, "curl", "--silent", "--insecure", "--write-out", "%{certs}", "--connect-to", to, url]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return certificate.decode().strip() in told
