"""The document's examples: one variable's life."""

from __future__ import annotations

from typing import Any, Final

from runtimeenv.api.items import EXAMPLE_ID
from runtimeenv.api.pages import cursor

_ITEM: Final[dict[str, Any]] = {
    "id": EXAMPLE_ID,
    "tenant_id": "tenant_123",
    "workspace_id": "ws_123",
    "project_id": None,
    "scope": "workspace",
    "target": "sandbox",
    "name": "ANTHROPIC_API_KEY",
    "preview": "sk-ant...abcd",
    "enabled": True,
    "metadata": {"provider": "anthropic"},
    "created_at": "2026-06-15T15:16:00Z",
    "updated_at": "2026-06-15T15:16:00Z",
}
LISTED: Final[dict[str, Any]] = {"data": [_ITEM]}
CREATED: Final[dict[str, Any]] = {"data": _ITEM}
DELETED: Final[dict[str, Any]] = {"ok": True, "id": EXAMPLE_ID}

DRAFTS: Final[dict[str, dict[str, Any]]] = {
    "workspace": {
        "scope": "workspace",
        "workspace_id": "ws_123",
        "target": "sandbox",
        "name": "ANTHROPIC_API_KEY",
        "value": "sk-ant-...",
        "metadata": {"provider": "anthropic"},
    },
    "tenant": {"scope": "tenant", "name": "LOG_LEVEL", "value": "info"},
    "project": {"scope": "project", "project_id": "blog", "target": "agent", "name": "GREETING", "value": "hello"},
}
CHANGE: Final[dict[str, Any]] = {"value": "sk-ant-new", "enabled": True}
REPLACEMENT: Final[dict[str, Any]] = {"value": "sk-ant-new", "enabled": True, "metadata": {"provider": "anthropic"}}
PARAMETERS: Final[dict[str, Any]] = {
    "id": EXAMPLE_ID,
    "scope": "workspace",
    "workspace_id": "ws_123",
    "project_id": "blog",
    "target": "sandbox",
    "limit": 100,
    "cursor": cursor(("ANTHROPIC_API_KEY", "workspace", "ws_123", "", "sandbox")),
    "Runtime-Env-Revision": "1",
    "If-Match": "*",
    "If-None-Match": '"84acb2fa977fbe525a35e38d5367cb9f"',
}
"""By name. The revision is one that every cluster has passed."""
