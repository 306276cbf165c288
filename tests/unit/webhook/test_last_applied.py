"""kubectl's copy of the manifest keeps no plaintext."""

import json

import pytest

from runtimeenv.webhook.last_applied import ANNOTATION
from tests.builders import Manifest, variable
from tests.unit.webhook.sealing_cases import CANARY, Sealer


def copied(manifest: Manifest, copy: object) -> Manifest:
    """With kubectl's annotation."""
    text = copy if isinstance(copy, str) else json.dumps(copy, separators=(",", ":"), sort_keys=True) + "\n"
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": {ANNOTATION: text, "other": "kept"}}}


async def annotation(sealer: Sealer, manifest: Manifest, old: Manifest | None = None) -> str:
    found: str = (await sealer.stored(manifest, old))["metadata"]["annotations"][ANNOTATION]
    return found


async def test_the_copy_loses_the_value_and_nothing_else(sealer: Sealer) -> None:
    manifest = variable("acme/x", value=CANARY, metadata={"value": "kept", "n": 1e3, "text": "<ä>"})
    rest = {**manifest, "spec": {key: value for key, value in manifest["spec"].items() if key != "value"}}
    expected = copied(manifest, rest)["metadata"]["annotations"][ANNOTATION]
    assert await annotation(sealer, copied(manifest, manifest)) == expected


async def test_numbers_and_escapes_stay_as_kubectl_wrote_them(sealer: Sealer) -> None:
    copy = '{"a":1.50,"spec":{"metadata":{"x":"\\u003cb\\u003e","n":1e3},%s"z":10000000000000000000000}}\n'
    manifest = copied(variable("acme/x", value=CANARY), copy % f'"value":"{CANARY}",')
    assert await annotation(sealer, manifest) == copy % ""


async def test_a_copy_that_is_written_alone_is_scrubbed_too(sealer: Sealer) -> None:
    stored = await sealer.stored(variable("acme/x", value=CANARY))
    assert CANARY not in await annotation(sealer, copied(stored, variable("acme/x", value=CANARY)), stored)


async def test_applying_again_with_the_copy_restores_the_stored_object(sealer: Sealer) -> None:
    manifest = copied(variable("acme/x", value=CANARY), variable("acme/x", value=CANARY))
    old = await sealer.stored(manifest)
    assert await sealer.stored(manifest, old) == old


async def test_a_copy_without_a_value_is_left_alone(sealer: Sealer) -> None:
    stored = await sealer.stored(variable("acme/x", value=CANARY))
    copy = variable("acme/x", metadata={"value": "kept"})
    assert (await sealer.about(copied(stored, copy), stored)).ops == []


@pytest.mark.parametrize(
    "copy",
    [
        '{"spec":{"value":"%s"},"spec":{}}',
        '{"spec":{"value":"%s","value":""}}',
        '{"spec":{"v\\u0061lue":"%s"}}',
        ' { "spec" : { "value" : "%s" } } ',
    ],
)
async def test_no_form_of_writing_it_hides_the_value(sealer: Sealer, copy: str) -> None:
    assert CANARY not in await annotation(sealer, copied(variable("acme/x", value=CANARY), copy % CANARY))


@pytest.mark.parametrize("copy", [f'{{"spec":{{"value":"{CANARY}"}}', f'["{CANARY}"]', CANARY, "", "[" * 100_000])
async def test_a_copy_that_can_not_be_read_is_refused_without_echo(sealer: Sealer, copy: str) -> None:
    verdict = await sealer.about(copied(variable("acme/x", value="v"), copy))
    assert (verdict.object, verdict.code) == (None, 422)
    assert verdict.message == f"annotation {ANNOTATION}: is not the JSON object that kubectl writes: remove it"


@pytest.mark.parametrize("spec", ["null", '"x"', "[]", "5"])
async def test_a_copy_whose_spec_is_no_object_holds_no_value(sealer: Sealer, spec: str) -> None:
    copy = f'{{"spec":{spec}}}'
    assert await annotation(sealer, copied(variable("acme/x", value="v"), copy)) == copy
