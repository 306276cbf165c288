"""Writes as users make them, and what is claimed of their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.builders import Manifest
from tests.kube.cluster import Cluster, Completed

SEALED = "renv1.xwing.0123456789abcdef.QUJD"


def create(
    cluster: Cluster, manifest: Manifest, *, user: str | None = None, dry_run: bool = True, output: str = "name"
) -> Completed:
    """`kubectl create`, which neither raises nor, unless told, stores."""
    options = [*(["--dry-run=server"] if dry_run else []), f"--output={output}"]
    return cluster.kubectl("create", *options, "-f", "-", input=json.dumps(manifest), user=user, check=False)


def patch(
    cluster: Cluster, target: str, namespace: str, change: Mapping[str, Any], *, user: str | None = None
) -> Completed:
    """`kubectl patch` of `kind/name` by a merge patch; stores nothing."""
    where = [f"--namespace={namespace}"] if namespace else []
    argv = ["patch", target, *where, "--type=merge", "--dry-run=server", "-p", json.dumps(change)]
    return cluster.kubectl(*argv, user=user, check=False)


def raw(cluster: Cluster, verb: str, path: str, manifest: Manifest, *, user: str | None = None) -> Completed:
    """POST (`create`) or PUT (`replace`) of exactly this manifest, also to subresources; stores nothing."""
    argv = [verb, "--raw", f"{path}?dryRun=All", "-f", "-"]
    return cluster.kubectl(*argv, input=json.dumps(manifest), user=user, check=False)


def accepted(done: Completed) -> None:
    """The API server took the write."""
    assert done.code == 0, done.err


def refused(done: Completed, policy: str, *says: str) -> None:
    """That policy, and nothing else, refused the write, with these words."""
    assert done.code != 0, "the write was accepted"
    assert f"ValidatingAdmissionPolicy 'runtime-env-{policy}'" in done.err, done.err
    for words in says:
        assert words in done.err, done.err
