"""The operator's own certificates and published keys, deleted or changed under the running controller."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from runtimeenv.core import names
from runtimeenv.crypto.seal import SealedValue
from tests.cluster.homes import Home, removed
from tests.cluster.writes import create
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import Cluster, wait
from tests.kube.operator import Operator


def seals(home: Home) -> None:
    """Wait until the API server reaches the webhook, and trusts it."""
    probe = home.variable("probe", value="x")
    wait(lambda: create(home.cluster, probe).code == 0, "plaintext to be sealed")


SPOILT = ("patch", "--type=merge", "-p", '{"data":{"tls.key":"eA=="}}')


@pytest.mark.parametrize(
    "harm",
    [
        {"tls": ("delete",)},
        {"ca": ("delete",)},
        {"tls": ("delete",), "ca": ("delete",)},
        {"tls": SPOILT},
        {"ca": SPOILT},
    ],
    ids=["tls", "ca", "both", "spoilt tls", "spoilt ca"],
)
def test_lost_certificates_are_issued_again_and_the_webhook_serves(
    home: Home, operator: Operator, harm: dict[str, tuple[str, ...]]
) -> None:
    def served() -> Any:
        return operator.cluster.get_json("secret", names.SERVING_SECRET, "-n", NAMESPACE)["data"]

    before = served()
    for which, (verb, *words) in harm.items():
        operator.cluster.kubectl(verb, "secret", f"runtime-env-webhook-{which}", "-n", NAMESPACE, *words)
    wait(lambda: served()["tls.crt"] != before["tls.crt"], "a new certificate")
    wait(lambda: bundles(operator.cluster) == {served()["ca.crt"]}, "both webhook configurations to trust it")
    seals(home)


def bundles(cluster: Cluster) -> set[str]:
    found = [cluster.get_json("mutatingwebhookconfiguration", name) for name in ("00-runtime-env", "runtime-env")]
    return {hook["clientConfig"].get("caBundle", "") for each in found for hook in each["webhooks"]}


def test_webhook_configurations_that_are_made_anew_are_trusted_again(home: Home, operator: Operator) -> None:
    before = bundles(operator.cluster)
    for name in ("00-runtime-env", "runtime-env"):
        manifest = removed(operator.cluster, "mutatingwebhookconfiguration", name)
        for hook in manifest["webhooks"]:
            del hook["clientConfig"]["caBundle"]
        operator.cluster.apply(manifest, "--server-side", "--field-manager=runtime-env-harness")
    wait(lambda: bundles(operator.cluster) == before, "both to trust the webhook's certificate")
    seals(home)


FORGED = ("patch", "--type=merge", "-p", '{"data":{"sealing-key":"renvpk1.xwing.0.AA"}}')
SPOILT_COMPARE_KEYS = ("patch", "--type=merge", "-p", '{"data":{"primary":"eA=="}}')


@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_the_public_key_and_the_compare_keys_are_put_right_again(home: Home, operator: Operator, how: str) -> None:
    def stored(thing: str) -> Any:
        return operator.cluster.get_json(thing, "-n", NAMESPACE)["data"]

    public, compare = f"configmap/{names.PUBLIC_KEY_CONFIG_MAP}", f"secret/{names.COMPARE_KEYS_SECRET}"
    key, before = stored(public), stored(compare)
    harm = {public: FORGED, compare: SPOILT_COMPARE_KEYS} if how == "changed" else {}
    for thing in (public, compare):
        verb, *words = harm.get(thing, ("delete",))
        operator.cluster.kubectl(verb, thing, "-n", NAMESPACE, *words)
    wait(lambda: stored(public) == key, "the public key to be published again")
    wait(lambda: stored(compare)["primary"] not in (before["primary"], "eA=="), "new compare keys")
    primary = base64.b64decode(stored(compare)["primary"]).decode()
    wait(lambda: compared_by(home) == primary, "the webhook to use the new compare key")


def compared_by(home: Home) -> str:
    """The id of the key that the webhook tags with: tags of another key are no proof, so values are sealed anew."""
    done = create(home.cluster, home.variable("probe", value="x"), output="jsonpath={.spec.sealedValue}")
    tag = SealedValue.parse(done.out).compare
    return tag.cid if tag else ""
