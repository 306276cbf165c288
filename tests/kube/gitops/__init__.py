"""What Argo CD, Flux and Helm make of objects: their own libraries, in a small Go program beside this file."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.kube import build
from tests.kube.cluster import Cluster

# How Argo CD compares: by itself; where it applies server-side; by the compare options of an Application.
WAYS: Final = ((), ("structured-merge",), ("server-side",), ("server-side", "include-webhook"))


class Unread(Exception):
    """The libraries can't read the object, or the script failed; the message is theirs."""


def kstatus(found: Mapping[str, Any]) -> str:
    """What Flux with `wait: true` and Helm with `--wait` take the object for: Current, InProgress, Failed …"""
    return str(_asked(found, "kstatus")["status"])


def health(found: Mapping[str, Any], script: Path) -> tuple[str, str]:
    """The status and message that Argo CD's Lua gets from a health script."""
    answer = _asked(found, "health", str(script))
    return answer["status"], answer.get("message", "")


def drifted(cluster: Cluster, manifests: Sequence[Mapping[str, Any]], *options: str) -> list[str]:
    """The names of those whose live object Argo CD's engine finds out of sync; `options` are one of WAYS."""
    found = {"apiVersion": "v1", "kind": "List", "items": manifests}
    names: list[str] = _asked(found, "drift", *options, environment={"KUBECONFIG": str(cluster.kubeconfig)})
    return names


def helm_release(manifest: Mapping[str, Any]) -> Any:
    """The HelmRelease as Flux's controller reads it. Raises Unread for a field that it doesn't know."""
    return _asked(manifest, "helm-release")


def _asked(found: Mapping[str, Any], verb: str, *args: str, environment: Mapping[str, str] | None = None) -> Any:
    argv = [str(build.binaries(["gitops"], print) / "gitops"), verb, *args]
    text = json.dumps(found)
    env = {**os.environ, **(environment or {})}
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise Unread(done.stderr.strip())
    return json.loads(done.stdout)
