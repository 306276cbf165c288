"""Applying the same plaintext again is no write at all; guessing is answered ten times a minute."""

from runtimeenv.webhook.compare import MISMATCHES, WINDOW
from tests.builders import Manifest, variable
from tests.unit.webhook.sealing_cases import CANARY, OTHER_KEYRING, Sealer, opened


def text(manifest: Manifest) -> str:
    found: str = manifest["spec"]["sealedValue"]
    return found


async def test_the_same_value_restores_the_stored_object_exactly(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    assert await sealer.stored(variable("acme/x", value=CANARY), old) == old
    assert await sealer.stored(variable("acme/x", sealed=text(old), value=CANARY), old) == old


async def test_another_value_is_sealed_anew(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    assert opened(await sealer.stored(variable("acme/x", value="other"), old)) == "other"


async def test_the_same_value_under_another_identity_is_sealed_anew(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    after = await sealer.stored(variable("acme/x", target="agent", value=CANARY), old)
    assert text(after) != text(old)


async def test_after_a_rotation_the_same_value_is_sealed_for_the_new_key(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    after = await sealer.mount(OTHER_KEYRING).stored(variable("acme/x", value=CANARY), old)
    assert opened(after, OTHER_KEYRING) == CANARY


async def test_an_older_compare_key_still_tells(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    sealer.mount(primary="99999999")
    assert await sealer.stored(variable("acme/x", value=CANARY), old) == old


async def test_a_text_without_tag_or_with_an_unknown_one_or_out_of_form_is_sealed_anew(sealer: Sealer) -> None:
    sealed = text(await sealer.stored(variable("acme/x", value=CANARY)))
    bare, _, tag = sealed.rsplit(".", 2)
    for former in (bare, f"{bare}.ffffffff.{tag}", "renv1.broken"):
        after = await sealer.stored(variable("acme/x", value=CANARY), variable("acme/x", sealed=former))
        assert text(after) != former
        assert opened(after) == CANARY


async def guess(sealer: Sealer, old: Manifest, value: str) -> bool:
    """Whether a dry run tells that the stored value is this."""
    return await sealer.stored(variable("acme/x", value=value), old) == old


async def test_after_ten_wrong_guesses_in_a_minute_a_tag_tells_nothing(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    for turn in range(MISMATCHES):
        assert await guess(sealer, old, CANARY), "a right one costs nothing"
        assert not await guess(sealer, old, f"guess {turn}")
    assert not await guess(sealer, old, CANARY)
    sealer.clock.now += WINDOW
    assert await guess(sealer, old, CANARY)


async def test_no_minute_holds_more_than_ten_answers_wherever_it_begins(sealer: Sealer) -> None:
    old = await sealer.stored(variable("acme/x", value=CANARY))
    for _ in range(MISMATCHES):
        await guess(sealer, old, "wrong")
        sealer.clock.now += 1
    sealer.clock.now += WINDOW - MISMATCHES
    assert await guess(sealer, old, CANARY), "the first of the ten is a minute ago"
    assert not await guess(sealer, old, "wrong")
    assert not await guess(sealer, old, CANARY), "ten again"


async def test_tags_are_counted_apart(sealer: Sealer) -> None:
    first = await sealer.stored(variable("acme/x", value=CANARY))
    second = await sealer.stored(variable("acme/x", value=CANARY))
    for _ in range(MISMATCHES):
        await guess(sealer, first, "wrong")
    assert not await guess(sealer, first, CANARY)
    assert await guess(sealer, second, CANARY)
