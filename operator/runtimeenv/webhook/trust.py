"""Whether API servers trust this replica: before, `helm install --wait` must not end.

A webhook configuration that was made anew has no caBundle until the controller, or cert-manager, fills it in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from runtimeenv.cluster.kinds import MUTATING_WEBHOOK_CONFIGURATIONS
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import Ref
from runtimeenv.errors import ClusterError
from runtimeenv.serving.trust import trusted

EVERY: Final = 1.0
"""Seconds between looks."""

log: Final = logging.getLogger(__name__)


class Trust:
    """`seek` it once a certificate is there; ``missing`` says what it waits for, and "" from then on.

    Once is enough: others may reach a replica that one API server or one changed configuration does not trust.
    """

    def __init__(self, cluster: Cluster, configuration: str, server: ssl.SSLContext) -> None:
        self._cluster = cluster
        self._sealing = f"00-{configuration}"
        # There is none where a policy injects.
        self._injecting = configuration
        self._server = server
        self.missing = "the trust of API servers"

    async def seek(self) -> None:
        """Return once every webhook configuration that there is trusts our certificate."""
        while missing := await self._look():
            if missing != self.missing:
                log.info("not trusted yet", extra={"reason": missing})
            self.missing = missing
            await asyncio.sleep(EVERY)
        self.missing = ""
        log.info("trusted")

    async def _look(self) -> str:
        for name in (self._sealing, self._injecting):
            try:
                found = await self._cluster.get(MUTATING_WEBHOOK_CONFIGURATIONS, Ref("", name))
            except ClusterError as error:
                return f"the webhook configuration {name}: {error}"
            if found is None and name == self._sealing:
                return f"the webhook configuration {name}"
            if found is not None and not all(self._trusts(hook["clientConfig"]) for hook in found.webhooks):
                return f"a caBundle in the webhook configuration {name} that its certificate belongs to"
        return ""

    def _trusts(self, client: dict[str, Any]) -> bool:
        try:
            bundle = base64.b64decode(client.get("caBundle", "")).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return trusted(self._server, bundle, _host(client))


def _host(client: dict[str, Any]) -> str:
    """The name that API servers expect in the certificate."""
    if service := client.get("service"):
        return f"{service['name']}.{service['namespace']}.svc"
    return urlsplit(client["url"]).hostname or ""
