"""A sealer with its keys mounted, and one without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.webhook.sealing_cases import Sealer


@pytest.fixture
def keyless(tmp_path: Path) -> Sealer:
    return Sealer(tmp_path)


@pytest.fixture
def sealer(keyless: Sealer) -> Sealer:
    return keyless.mount()
