"""How many writes may be under way at once, whether or not their clients are still there."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.api import finishing
from runtimeenv.api.finishing import Finishing
from runtimeenv.errors import Unavailable


async def begun(writes: Finishing, tenant: str, work: asyncio.Event) -> None:
    """A write whose client goes at once."""
    writing = asyncio.create_task(writes.finish(tenant, work.wait()))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


async def test_a_tenant_whose_clients_go_and_come_again_is_put_off_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finishing, "EACH", 3)
    writes, slow = Finishing(), asyncio.Event()
    for _ in range(3):
        await begun(writes, "acme", slow)
    with pytest.raises(Unavailable):
        await writes.finish("acme", slow.wait())
    await begun(writes, "globex", slow)
    slow.set()
    await asyncio.gather(*writes._running)
    await asyncio.sleep(0)
    assert not len(writes)
    assert await writes.finish("acme", slow.wait())


async def test_no_number_of_tenants_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "ALL", 3)
    writes, slow = Finishing(), asyncio.Event()
    for tenant in "abc":
        await begun(writes, tenant, slow)
    with pytest.raises(Unavailable):
        await writes.finish("d", slow.wait())
    slow.set()
    await asyncio.gather(*writes._running)
    await asyncio.sleep(0)
    assert not len(writes)
    assert not writes._of
