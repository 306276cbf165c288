"""The webhook's certificate: issued, renewed, and trusted by the API server through caBundle (design §7).

The order keeps every review answered: API servers trust an authority before any replica can serve a certificate of it,
and for as long afterwards as a replica may still do so.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS, SECRETS
from runtimeenv.cluster.objects import Secret, WebhookConfiguration
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.certificates import (
    Certified,
    authorizes,
    bundle,
    due,
    issue_authority,
    issue_serving,
    serves,
    service_hosts,
    unexpired,
)
from runtimeenv.errors import Rejected, Stale
from runtimeenv.settings import Settings

AUTHORITY_SECRET: Final = "runtime-env-webhook-ca"
TYPE: Final = "kubernetes.io/tls"
LOOK_AGAIN: Final = 3600.0
"""Seconds between looks at the certificates' age; they are renewed weeks before they expire."""
SPREAD: Final = 5.0
"""Seconds in which every API server has seen a changed webhook configuration."""
OVERLAP: Final = 3600.0
"""Seconds in which every replica serves what is stored: a kubelet brings it within two minutes, if it is well."""

log = logging.getLogger(__name__)


class ServingCertificates:
    """Keeps both Secrets valid and both webhook configurations trusting them."""

    def __init__(self, cluster: Cluster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._namespace = settings.namespace
        self._hosts = service_hosts(settings.webhook_service, settings.namespace, settings.webhook_host)
        base = settings.webhook_configuration
        self._configurations = [Ref("", f"00-{base}"), Ref("", base)]
        self._now = now
        self._served = b""
        self._older = b""
        self._older_until = 0.0
        self._spread_at = 0.0

    async def begun(self) -> bool:
        """Is there a Secret with a serving certificate?"""
        return await self._read(names.SERVING_SECRET) is not None

    async def renew(self) -> float:
        """Take the next step of what is missing, damaged or due. Returns the seconds after which to look again."""
        authority = await self._authority()
        stored = await self._read(names.SERVING_SECRET)
        configurations = await self._read_configurations()
        serving = _pair(stored)
        valid = due(serving.certificate, self._now()) is not None
        valid = valid and serves(serving, authority.certificate, self._hosts)
        if not valid or serving.certificate != self._served:
            self._keep_trusting(stored, configurations)
        trusted = bundle(authority.certificate, self._older, self._now())
        for configuration in configurations:
            await self._trust(configuration, trusted, authority)
        if not valid:
            if (left := self._spread_at - _time()) > 0:
                return left
            serving = issue_serving(authority, self._hosts, self._now())
        await self._write(names.SERVING_SECRET, {**_entries(serving), "ca.crt": trusted}, stored)
        if not valid:
            log.info("serving certificate issued", extra={"ref": names.SERVING_SECRET})
        self._served = serving.certificate
        return self._forget()

    async def _authority(self) -> Certified:
        stored = await self._read(AUTHORITY_SECRET)
        authority = _pair(stored)
        if due(authority.certificate, self._now()) is None or not authorizes(authority):
            authority = issue_authority(self._now())
            await self._write(AUTHORITY_SECRET, _entries(authority), stored)
            log.info("certificate authority issued", extra={"ref": AUTHORITY_SECRET})
        return authority

    def _keep_trusting(self, stored: Secret | None, configurations: Sequence[WebhookConfiguration]) -> None:
        """Replicas may serve another certificate than the one that is stored: of any authority trusted so far."""
        noted = stored.data.get("ca.crt", b"") if stored is not None else b""
        trusted = [pem for configuration in configurations for pem in _bundles(configuration)]
        self._older = unexpired([noted, *trusted, self._older], self._now())
        self._older_until = _time() + OVERLAP

    def _forget(self) -> float:
        """Drop the older authorities once none can be in use. Returns the seconds until there is something to do."""
        left = self._older_until - _time()
        if left > 0:
            return min(left, LOOK_AGAIN)
        dropped, self._older = self._older, b""
        return 0.0 if dropped else LOOK_AGAIN

    async def _trust(self, found: WebhookConfiguration, trusted: bytes, authority: Certified) -> None:
        """Have one webhook configuration trust the bundle; a configuration made anew has none."""
        text = base64.b64encode(trusted).decode()
        webhooks = [{**w, "clientConfig": {**w["clientConfig"], "caBundle": text}} for w in found.webhooks]
        if webhooks == found.webhooks:
            return
        # The resourceVersion refuses the patch if the configuration changed since: it is read again then.
        version = {"resourceVersion": found.metadata.resource_version}
        ref = found.metadata.ref
        await self._cluster.patch(MUTATING_WEBHOOK_CONFIGURATIONS, ref, {"metadata": version, "webhooks": webhooks})
        log.info("webhook configuration trusts the authority", extra={"ref": ref.name})
        before = unexpired(_bundles(found), self._now())
        if before and unexpired([authority.certificate], self._now()) not in before:
            self._spread_at = _time() + SPREAD  # else nobody can be called by now: there is nothing to wait for

    async def _read(self, name: str) -> Secret | None:
        return await self._cluster.get(SECRETS, Ref(self._namespace, name))

    async def _read_configurations(self) -> list[WebhookConfiguration]:
        found = [await self._cluster.get(MUTATING_WEBHOOK_CONFIGURATIONS, ref) for ref in self._configurations]
        return [configuration for configuration in found if configuration is not None]

    async def _write(self, name: str, entries: dict[str, bytes], stored: Secret | None) -> None:
        """Write a Secret whole, if it is another. One that can't be written over is deleted first."""
        if stored is not None and stored.type == TYPE and stored.data == entries:
            return
        manifest: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self._namespace, "labels": dict(names.DERIVED_LABELS)},
            "type": TYPE,
            "data": {key: base64.b64encode(raw).decode() for key, raw in entries.items()},
        }
        try:
            await self._cluster.replace(manifest, stored.metadata.resource_version if stored else None)
        except Rejected as error:
            if stored is None or error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            # Somebody made it immutable, or of another type.
            await self._cluster.delete(SECRETS, stored.metadata.ref, uid=stored.metadata.uid)
            raise Stale(error.status, f"replace {stored.metadata.ref}") from None


def _time() -> float:
    return asyncio.get_running_loop().time()


def _bundles(configuration: WebhookConfiguration) -> list[bytes]:
    return [base64.b64decode(webhook["clientConfig"].get("caBundle", "")) for webhook in configuration.webhooks]


def _pair(stored: Secret | None) -> Certified:
    entries = stored.data if stored is not None else {}
    return Certified(entries.get("tls.crt", b""), entries.get("tls.key", b""))


def _entries(pair: Certified) -> dict[str, bytes]:
    return {"tls.crt": pair.certificate, "tls.key": pair.private_key}
