"""kopf: watches RuntimeEnvVars and offers them to stage 1; the only importer of kopf.

kopf keeps nothing on the objects: an event handler has no progress, no diff base and no finalizer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import kopf

from runtimeenv.cluster import access
from runtimeenv.controller.admission import read_manifest
from runtimeenv.core import names
from runtimeenv.core.identity import Ref
from runtimeenv.core.resources import RuntimeEnvVar
from runtimeenv.errors import Invalid

NESTING: Final = 20_000
"""Levels that Python's JSON decoder may go down, the frames above it included."""

log = logging.getLogger(__name__)

Offer = Callable[[RuntimeEnvVar], None]
Malformed = Callable[[Ref, str], None]
"""Takes the ref and the UID of an object that can't be read."""


class _NothingCompared(kopf.DiffBaseStorage):
    """No diff base: by default kopf copies each object at each event, to compare it for handlers that we don't have."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:  # noqa: ARG002 - kopf's signature
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> None:
        pass

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


async def serve(offer: Offer, malformed: Malformed, started: Callable[[], None]) -> None:
    """Run kopf until cancelled or until it fails; then the process must end: nothing is noticed any more.

    ``started`` is called once kopf has taken the signals: whoever wants them takes them back there. Kopf itself would
    wait 5 s for every task that is younger than its own, ours included.
    """
    # What it reads may be nested as deeply as the API server takes it, 10,000 levels: one object must not end us all.
    sys.setrecursionlimit(NESTING)
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)

    # Async, though it awaits nothing: kopf runs plain functions in threads, and offers belong to the event loop.
    @kopf.on.event(names.GROUP, names.VERSION, "runtimeenvvars", registry=registry)
    async def noticed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type != "DELETED":  # the reflector of metadata tells of those, also of those in a gap
            notice(body, offer, malformed)

    # Without one, kopf looks for the user's name, which a container that runs as a bare number has not.
    identity: Any = "runtime-env"
    options: Any = {"registry": registry, "settings": settings(), "identity": identity}
    tasks = await kopf.spawn_tasks(**options, clusterwide=True, standalone=True)
    started()
    await kopf.run_tasks(tasks, ignored=asyncio.all_tasks())


def settings() -> kopf.OperatorSettings:
    """How kopf watches: one kind, and in little memory."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    # By default kopf lists everything at once, and each object's worker keeps it for 5 s: 17 KiB a variable at a start.
    # A variable may have 1.5 MiB, mostly notes, and takes up to nine times as much while its page is read.
    made.watching.chunk_size = 20
    made.queueing.idle_timeout = 0.1
    made.persistence.diffbase_storage = _NothingCompared()
    made.posting.enabled = False
    made.peering.standalone = True
    made.networking.trust_env = False
    return made


def notice(body: kopf.Body, offer: Offer, malformed: Malformed) -> None:
    """Offer an object that kopf told of."""
    try:
        offer(read_manifest(body))
    except Invalid as error:
        # Older than a rule of the CRD: what was derived of it stays as it is.
        ref = Ref(body.metadata.namespace or "", body.metadata.name or "")
        log.warning("variable out of form", extra={"ref": str(ref), "reason": error.field})
        malformed(ref, body.metadata.uid or "")


async def _login(**_: Any) -> kopf.ConnectionInfo:
    """The same way to the API server as ours. kopf's own needs cluster DNS; asked again when a token has expired."""
    found = await access.configuration(os.environ)
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
        scheme="Bearer" if found.api_key else None,
        token=found.api_key.get("BearerToken", "").rpartition(" ")[2] or None,
    )
