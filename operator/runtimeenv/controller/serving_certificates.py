"""The webhook's certificate: issued, renewed, and trusted by the API server through caBundle (design §7)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS, SECRETS
from runtimeenv.cluster.objects import Secret, WebhookConfiguration
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.certificates import (
    Certified,
    bundle,
    due,
    issue_authority,
    issue_serving,
    matches,
    serves,
    service_hosts,
)
from runtimeenv.settings import Settings

AUTHORITY_SECRET: Final = "runtime-env-webhook-ca"
LOOK_AGAIN: Final = 3600.0
"""Seconds between looks at the certificates' age; they are renewed weeks before they expire."""

log = logging.getLogger(__name__)


class ServingCertificates:
    """Keeps both Secrets valid and both webhook configurations trusting them."""

    def __init__(self, cluster: Cluster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._namespace = settings.namespace
        self._hosts = service_hosts(settings.webhook_service, settings.namespace, settings.webhook_host)
        self._now = now
        self._bundle = b""

    async def begun(self) -> bool:
        """Is there a Secret with a serving certificate?"""
        return await self._read(names.SERVING_SECRET) is not None

    async def renew(self, _name: str = "", _item: None = None) -> float:
        """Issue what is missing, damaged or due. Returns the seconds after which to look again."""
        stored = await self._read(AUTHORITY_SECRET)
        authority = _pair(stored)
        if due(authority.certificate, self._now()) is None or not matches(authority):
            authority = issue_authority(self._now())
            await self._write(AUTHORITY_SECRET, "kubernetes.io/tls", _entries(authority), stored)
            log.info("certificate authority issued", extra={"ref": AUTHORITY_SECRET})
        await self._renew_serving(authority)
        return LOOK_AGAIN

    async def _renew_serving(self, authority: Certified) -> None:
        stored = await self._read(names.SERVING_SECRET)
        serving = _pair(stored)
        older = stored.data.get("ca.crt", b"") if stored is not None else b""
        self._bundle = bundle(authority.certificate, older, self._now())
        valid = due(serving.certificate, self._now()) is not None
        if valid and serves(serving, authority.certificate, self._hosts) and older == self._bundle:
            return
        serving = issue_serving(authority, self._hosts, self._now())
        entries = {**_entries(serving), "ca.crt": self._bundle}
        await self._write(names.SERVING_SECRET, "kubernetes.io/tls", entries, stored)
        log.info("serving certificate issued", extra={"ref": names.SERVING_SECRET})

    async def trust(self, name: str, found: WebhookConfiguration | None) -> None:
        """Have one webhook configuration trust the bundle; a configuration made anew has none."""
        if found is None:
            return
        text = base64.b64encode(self._bundle).decode()
        webhooks = [{**w, "clientConfig": {**w["clientConfig"], "caBundle": text}} for w in found.webhooks]
        if webhooks == found.webhooks:
            return
        # The resourceVersion refuses the patch if the configuration changed since: it is offered again then.
        version = {"resourceVersion": found.metadata.resource_version}
        await self._cluster.patch(
            MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", name), {"metadata": version, "webhooks": webhooks}
        )
        log.info("webhook configuration trusts the authority", extra={"ref": name})

    async def _read(self, name: str) -> Secret | None:
        return await self._cluster.get(SECRETS, Ref(self._namespace, name))

    async def _write(self, name: str, kind: str, entries: dict[str, bytes], stored: Secret | None) -> None:
        manifest: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self._namespace, "labels": dict(names.DERIVED_LABELS)},
            "type": kind,
            "data": {key: base64.b64encode(raw).decode() for key, raw in entries.items()},
        }
        await self._cluster.replace(manifest, stored.metadata.resource_version if stored else None)


def _pair(stored: Secret | None) -> Certified:
    entries = stored.data if stored is not None else {}
    return Certified(entries.get("tls.crt", b""), entries.get("tls.key", b""))


def _entries(pair: Certified) -> dict[str, bytes]:
    return {"tls.crt": pair.certificate, "tls.key": pair.private_key}
