"""Objects of a cluster that the command line reads."""

from __future__ import annotations

from typing import Any


def config_map(system: str, **entries: str) -> dict[str, Any]:
    """The published public key, in the operator's namespace."""
    metadata = {"name": "runtime-env-public-key", "namespace": system}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}


def namespace(name: str, **labels: str) -> dict[str, Any]:
    """A namespace with these enrolment labels."""
    named = {f"runtime.miosa.ai/{word}": text for word, text in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": named}}
