"""The manifests for Argo CD and Flux, held to their own types: each field of the examples is one that they know."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import Manifest
from tests.cluster.test_gitops_examples import manifests
from tests.kube import foreign_crds, gitops
from tests.kube.cluster import Cluster

FILES = [(tool, name) for tool in ("argocd", "flux") for name in ("operator.yaml", "variables.yaml")]
MANIFESTS = {f"{tool}/{name} {found['kind']}": found for tool, name in FILES for found in manifests(tool, name)}
ANYTHING = ("values", "valuesObject")  # a chart's values, which it checks itself
each = pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)


@pytest.fixture(scope="module")
def knowing(control_plane: Cluster) -> Iterator[Cluster]:
    """The control plane with the kinds of Argo CD and Flux."""
    with foreign_crds.served(control_plane, foreign_crds.OF_GITOPS):
        yield control_plane


def refusal(cluster: Cluster, *tried: Manifest) -> str:
    """What the API server, or the library for a HelmRelease, says to these; nothing is stored."""
    if tried[0]["kind"] == "HelmRelease":
        return "\n".join(map(unread, tried))
    text = "\n---\n".join(json.dumps({**m, "metadata": {**m["metadata"], "namespace": "default"}}) for m in tried)
    how = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    return cluster.kubectl(*how, input=text, check=False).err


def unread(release: Manifest) -> str:
    try:
        gitops.helm_release(release)
    except gitops.Unread as refused:
        return str(refused)
    return ""


def paths(fields: dict[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where each field is, those of fields included."""
    for name, inner in fields.items():
        yield (*above, name)
        if isinstance(inner, dict) and name not in ANYTHING:
            yield from paths(inner, (*above, name))


def misspelt(manifest: Manifest, path: tuple[str, ...]) -> Manifest:
    """With the field there once more, a letter too long."""
    *parents, last = path
    changed = at = copy.deepcopy(manifest)
    for parent in parents:
        at = at[parent]
    at[f"{last}x"] = at[last]
    return changed


@each
def test_each_example_is_taken(knowing: Cluster, manifest: Manifest) -> None:
    assert refusal(knowing, manifest) == ""


@each
def test_each_field_of_an_example_is_refused_when_it_is_misspelt(knowing: Cluster, manifest: Manifest) -> None:
    every = list(paths(manifest["spec"], ("spec",)))
    said = refusal(knowing, *(misspelt(manifest, path) for path in every))
    assert set(re.findall(r'unknown field "(.*?)"', said)) == {f"{'.'.join(path)}x" for path in every}
