"""Where the API server is and who we are; kubernetes.aio.config does the work.

A kubeconfig named by ``KUBECONFIG`` comes first, then the pod's service account, then ``~/.kube/config``.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from runtimeenv.errors import Invalid

CONNECTIONS: Final = 64
"""Requests at once, watches included; further ones wait for a free connection."""

REREAD_SECONDS: Final = 60.0


async def configuration(environ: Mapping[str, str], context: str | None = None) -> Configuration:
    """How to reach the API server; ``context`` is one of the kubeconfig's. Raises Invalid, naming the mend.

    Credentials are read again every minute: service account tokens rotate, and plugins issue short-lived ones.
    """
    made = Configuration(
        connection_pool_maxsize=CONNECTIONS,
        # Looking up proxies in the environment and in ~/.netrc costs a thread hop, a third of a request's CPU.
        client_session_kwargs={"trust_env": False},
    )
    try:
        if context is None and not environ.get("KUBECONFIG") and environ.get("KUBERNETES_SERVICE_HOST"):
            load_incluster_config(client_configuration=made)  # type: ignore[no-untyped-call]
        else:
            await _load_kubeconfig(_files(environ), made, context)
    except Exception:  # the library raises many kinds, and their texts may quote credentials
        raise Invalid("KUBECONFIG", "name a readable kubeconfig with a current context, or run in a pod") from None
    return made


def _files(environ: Mapping[str, str]) -> str:
    return environ.get("KUBECONFIG") or str(Path(environ.get("HOME", "/")) / ".kube" / "config")


async def _load_kubeconfig(files: str, into: Configuration, context: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loader = await load_kube_config(files, context, into, persist_config=False)  # type: ignore[no-untyped-call]
    now = asyncio.get_running_loop().time
    due = now() + REREAD_SECONDS

    async def reread(configuration: Configuration) -> None:
        nonlocal due
        if now() >= due:
            due = now() + REREAD_SECONDS
            await loader.load_and_set(configuration)

    into.refresh_api_key_hook = reread  # type: ignore[assignment]
