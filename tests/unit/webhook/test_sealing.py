"""What becomes of a value at admission."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from runtimeenv.crypto.seal import SealedValue
from tests.builders import Manifest, variable
from tests.unit.webhook.sealing_cases import CANARY, Sealer, opened

WORKSPACE: dict[str, Any] = {"scope": "workspace", "workspaceId": "ws_123"}


@pytest.mark.parametrize("value", [CANARY, "", "8080", "ä\n\t☃", "x" * 32 * 1024])
async def test_a_value_is_replaced_by_a_sealed_text_that_holds_it(sealer: Sealer, value: str) -> None:
    stored = await sealer.stored(variable("acme/x", value=value))
    assert "value" not in stored["spec"]
    assert opened(stored) == value


@pytest.mark.parametrize(
    ("where", "spec"),
    [
        ("acme", {"scope": "tenant"}),
        ("acme", WORKSPACE | {"target": "sandbox"}),
        ("acme", {"scope": "project", "projectId": "any"}),
        ("team", WORKSPACE),
        ("blog", {"scope": "project", "projectId": "blog"}),
    ],
)
async def test_the_sealed_text_is_bound_to_tenant_scope_target_and_name(
    sealer: Sealer, where: str, spec: dict[str, Any]
) -> None:
    assert opened(await sealer.stored(variable(f"{where}/x", value=CANARY, **spec))) == CANARY


async def test_only_the_source_changes(sealer: Sealer) -> None:
    before = variable("acme/x", value=CANARY, metadata={"provider": "p"}, enabled=False)
    after = await sealer.stored(before)
    after["spec"].pop("sealedValue")
    before["spec"].pop("value")
    assert after == before


async def test_a_write_without_plaintext_stays_as_it_is(sealer: Sealer) -> None:
    stored = await sealer.stored(variable("acme/x", value=CANARY))
    assert (await sealer.about(stored, stored)).ops == []
    assert (await sealer.about(variable("stray/x", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}))).ops == []


async def denied(sealer: Sealer, manifest: Manifest, old: Manifest | None = None) -> tuple[int, str]:
    verdict = await sealer.about(manifest, old)
    assert verdict.object is None
    assert CANARY not in verdict.message
    return verdict.code, verdict.message


@pytest.mark.parametrize("value", [8080, 1.5, True, False, None, {"a": CANARY}, [CANARY]])
async def test_a_value_that_is_no_text_is_refused(sealer: Sealer, value: object) -> None:
    code, message = await denied(sealer, variable("acme/x", value=value))
    assert (code, message) == (422, 'spec.value: is not text: put it in quotes ("8080", "true"), or remove it')


@pytest.mark.parametrize(
    ("value", "mend"),
    [(CANARY + "\0", "contains NUL"), (CANARY * 32 * 1024, "mount large values as a file"), ("ä" * 16385, "is over")],
)
async def test_a_value_that_no_variable_can_hold_is_refused(sealer: Sealer, value: str, mend: str) -> None:
    code, message = await denied(sealer, variable("acme/x", value=value))
    assert code == 422
    assert message.startswith("spec.value: ")
    assert mend in message


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"scope": "galaxy"}, "spec.scope"),
        ({"scope": 7}, "spec.scope"),
        ({"scope": None}, "spec.scope"),
        ({"scope": "workspace"}, "spec.workspaceId"),
        ({"scope": "workspace", "workspaceId": CANARY + "!"}, "spec.workspaceId"),
        ({"scope": "workspace", "workspaceId": ["x"]}, "spec.workspaceId"),
        ({"scope": "tenant", "projectId": "blog"}, "spec.projectId"),
        ({"target": CANARY}, "spec.target"),
        ({"name": "lower"}, "spec.name"),
        ({"name": "A" * 129}, "spec.name"),
        ({"name": None}, "spec.name"),
        ({"sealedValue": CANARY}, "spec.sealedValue"),
        ({"sealedValue": 5}, "spec.sealedValue"),
        ({"sealedValue": "renv1.xwing.0"}, "spec.sealedValue"),
        ({"sealedValue": "renv1.rot13." + CANARY}, "spec.sealedValue"),
    ],
)
async def test_what_can_not_be_sealed_for_is_refused_by_its_field(
    sealer: Sealer, spec: dict[str, Any], field: str
) -> None:
    manifest = variable("acme/x", value=CANARY)
    manifest["spec"].update(spec)
    if "sealedValue" in spec:
        del manifest["spec"]["value"]
    code, message = await denied(sealer, manifest)
    assert code == 422
    assert message.startswith(field + ": ")


@pytest.mark.parametrize("spec", [None, "x", [], 5])
async def test_a_spec_that_is_no_object_is_refused(sealer: Sealer, spec: object) -> None:
    assert (await denied(sealer, {"metadata": {"namespace": "acme"}, "spec": spec}))[1].startswith("spec: ")


@pytest.mark.parametrize(
    ("where", "spec", "message"),
    [
        ("stray", {}, "namespace stray is not enrolled"),
        ("nowhere", {}, "namespace nowhere is not enrolled"),
        ("team", {}, "spec.scope: this namespace may define only scope workspace of workspace ws_123"),
        ("team", {"scope": "workspace", "workspaceId": "ws_9"}, "may define only scope workspace of workspace ws_123"),
        ("blog", WORKSPACE, "spec.scope: this namespace may define only scope project of project blog"),
    ],
)
async def test_a_namespace_seals_only_for_what_it_may_define(
    sealer: Sealer, where: str, spec: dict[str, Any], message: str
) -> None:
    code, found = await denied(sealer, variable(f"{where}/x", value=CANARY, **spec))
    assert code == 403
    assert message in found


async def test_the_policy_deny_refuses_every_plaintext(tmp_path: Path) -> None:
    code, message = await denied(Sealer(tmp_path, "Deny").mount(), variable("acme/x", value=CANARY))
    assert code == 403
    assert "use sealedValue or valueFrom" in message


async def test_without_keys_a_value_is_refused_with_the_reason_until_they_come(keyless: Sealer) -> None:
    code, message = await denied(keyless, variable("acme/x", value=CANARY))
    assert code == 503
    assert "can't be sealed" in message
    assert (await keyless.mount().stored(variable("acme/x", value=CANARY)))["spec"]["sealedValue"]


async def test_each_seal_has_a_tag_of_the_primary_compare_key(sealer: Sealer) -> None:
    stored = await sealer.stored(variable("acme/x", value=CANARY))
    tag = SealedValue.parse(stored["spec"]["sealedValue"]).compare
    assert tag is not None
    assert tag.cid == "0a1b2c3d"


async def test_no_object_shows_in_a_repr(sealer: Sealer) -> None:
    from runtimeenv.webhook.sealing import Variable  # noqa: PLC0415

    assert CANARY not in repr(Variable(spec=Raw(f'{{"value": "{CANARY}"}}'.encode())))
    assert sealer.keys.compare.by_id["0a1b2c3d"].decode() not in repr(sealer.keys.compare)
