"""Which source counts when a write brings two."""

from typing import Any

import pytest

from tests.builders import variable
from tests.unit.webhook.sealing_cases import CANARY, Sealer, opened

FROM = {"secretKeyRef": {"name": "llm-keys", "key": "anthropic"}}
ELSEWHERE = {"secretKeyRef": {"name": "llm-keys", "key": "openai"}}


async def test_a_value_replaces_the_sealed_text_that_apply_carries_over(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value="first"))
    after = await sealer.stored(variable("acme/x", sealed=old["spec"]["sealedValue"], value="second"), old)
    assert opened(after) == "second"


async def test_a_value_replaces_a_reference_that_is_carried_over(sealer: Sealer) -> None:
    after = await sealer.stored(variable("acme/x", value=CANARY, valueFrom=FROM), variable("acme/x", valueFrom=FROM))
    assert "valueFrom" not in after["spec"]
    assert opened(after) == CANARY


async def test_a_reference_replaces_a_sealed_text_that_is_carried_over(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    after = await sealer.stored(variable("acme/x", sealed=old["spec"]["sealedValue"], valueFrom=FROM), old)
    assert "sealedValue" not in after["spec"]
    assert after["spec"]["valueFrom"] == FROM


async def test_a_sealed_text_replaces_a_reference_that_is_carried_over(sealer: Sealer) -> None:
    sealed = (await sealer.stored(variable("acme/x", value=CANARY)))["spec"]["sealedValue"]
    after = await sealer.stored(variable("acme/x", sealed=sealed, valueFrom=FROM), variable("acme/x", valueFrom=FROM))
    assert after["spec"]["sealedValue"] == sealed
    assert "valueFrom" not in after["spec"]


@pytest.mark.parametrize(
    ("spec", "old"),
    [
        ({"value": CANARY, "valueFrom": FROM}, None),
        ({"value": CANARY, "valueFrom": FROM}, {"valueFrom": ELSEWHERE}),
        ({"value": CANARY, "sealedValue": "renv1.x"}, {"valueFrom": FROM}),
        ({"sealedValue": "renv1.x", "valueFrom": FROM}, None),
        ({"sealedValue": "renv1.x", "valueFrom": FROM}, {"valueFrom": ELSEWHERE}),
        ({"value": CANARY, "sealedValue": "renv1.x", "valueFrom": FROM}, {"valueFrom": FROM}),
    ],
)
async def test_two_sources_that_are_added_together_are_refused(
    sealer: Sealer, spec: dict[str, Any], old: dict[str, Any] | None
) -> None:
    before = variable("acme/x", **old) if old is not None else None
    verdict = await sealer.about(variable("acme/x", **spec), before)
    assert (verdict.object, verdict.code) == (None, 422)
    assert verdict.message == "spec: has more than one source: keep one of value, sealedValue, valueFrom"
