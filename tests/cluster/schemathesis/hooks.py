"""What the document says in words alone, said to schemathesis."""

from __future__ import annotations

from typing import Any

import schemathesis

DEPTH_LIMIT = 8
"""Objects and arrays inside one another, in metadata."""


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:  # noqa: ARG001 - names are schemathesis'
    """Leave out metadata that is too deep."""
    return not isinstance(body, dict) or _depth(body.get("metadata")) <= DEPTH_LIMIT


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
