"""Tests of connections run on the loop that the process runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "uvloop: the event loop is uvloop's")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]] | None:
    """uvloop where the test is marked so; else whatever the tests at large say."""
    return {"uvloop": uvloop.new_event_loop} if item.get_closest_marker("uvloop") else None
