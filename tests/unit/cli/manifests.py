"""What the operator publishes for the command line."""

from __future__ import annotations

from typing import Any


def config_map(system: str, **entries: str) -> dict[str, Any]:
    """The published public key, in the operator's namespace."""
    metadata = {"name": "runtime-env-public-key", "namespace": system}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}
