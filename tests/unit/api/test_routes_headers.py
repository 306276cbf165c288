"""Header fields that come twice, or empty."""

from __future__ import annotations

import pytest

from tests.unit.api.door import BASE, KEYS, Door, door

pytestmark = pytest.mark.virtual_time

DRAFT = {"scope": "tenant", "name": "TOKEN", "value": "hello"}


async def asked(ask: Door, method: str, known: str, field: str, *texts: str) -> int:
    """The status where the field is sent once for each text."""
    headers = [(b"host", b"api"), (b"authorization", f"Bearer {KEYS['acme'].reveal()}".encode())]
    headers += [(field.encode(), text.encode()) for text in texts]
    return (await ask.ask(method, f"{BASE}/{known}", "", headers, b"")).status


async def test_entity_tags_may_stand_in_several_fields() -> None:
    async with door() as ask:
        written = await ask("POST", BASE, DRAFT)
        known, tag = written.item["id"], written.headers["etag"]
        assert await asked(ask, "GET", known, "if-none-match", '"x"', tag) == 304
        assert await asked(ask, "DELETE", known, "if-match", '"x"', '"y"') == 412
        assert await asked(ask, "DELETE", known, "if-match", '"x"', tag) == 200


@pytest.mark.parametrize("field", ["if-match", "if-none-match"])
async def test_a_condition_without_a_tag_is_not_taken_for_none(field: str) -> None:
    async with door() as ask:
        known = (await ask("POST", BASE, DRAFT)).item["id"]
        method = "DELETE" if field == "if-match" else "GET"
        assert await asked(ask, method, known, field, "") == 422
        assert await asked(ask, method, known, field, "*", '"x"') == 422
