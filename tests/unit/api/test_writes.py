"""What a write leaves in the cluster, and what it answers."""

from __future__ import annotations

import pytest

from runtimeenv.api.writes import Draft
from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.core import names
from runtimeenv.core.identity import Project, Ref, Workspace
from runtimeenv.core.values import MASK, Plaintext
from runtimeenv.errors import Conflict, Denied, Invalid, KeyUnavailable, NoHome, NotFound, PreconditionFailed
from tests.builders import namespace, variable
from tests.unit.api.replicas import ACME, HOME, Scene, any_state, bearer, draft, home, identity, scene

pytestmark = pytest.mark.virtual_time

OWN = Ref(HOME, identity().id.replace("_", "-"))


def stored(made: Scene, ref: Ref = OWN) -> dict[str, object]:
    return made.cluster.read(RUNTIME_ENV_VARS, ref)


async def test_a_post_makes_a_variable_in_the_home_namespace() -> None:
    async with scene() as made:
        done = await made.one.writes.upsert(
            ACME, Draft(identity("A", Workspace("acme", "ws_1"), "sandbox"), Plaintext("v"), False, {"owner": "me"})
        )
        found = stored(made, done.entry.ref)
        sealed = found["spec"].pop("sealedValue")  # type: ignore[attr-defined]
    assert found["spec"] == {
        "scope": "workspace",
        "workspaceId": "ws_1",
        "target": "sandbox",
        "name": "A",
        "enabled": False,
        "metadata": {"owner": "me"},
    }
    assert found["metadata"]["annotations"] == {names.API_KEY_ANNOTATION: ACME.key_id}  # type: ignore[index]
    assert sealed.startswith("renv1.xwing.")


async def test_the_name_of_what_a_post_makes_follows_from_the_identity() -> None:
    async with scene() as made:
        done = await made.one.upsert()
        assert done.entry.ref == OWN
        assert len(done.entry.id) == len("env_") + 26


async def test_a_post_answers_once_the_variable_is_ready() -> None:
    async with scene() as made:
        done = await made.one.upsert("hello")
        assert (done.created, done.ready, done.entry.preview) == (True, True, "seen 1")
        assert int(done.revision) == done.entry.version
        assert made.one.catalog.find(ACME, done.entry.id) is done.entry
        assert made.value(OWN) == "hello"


async def test_a_second_post_of_the_identity_updates_the_same_object() -> None:
    async with scene() as made:
        first = await made.one.upsert("one", team="a")
        second = await made.other.upsert("two", enabled=False)
        assert (second.created, second.ready, second.entry.uid) == (False, True, first.entry.uid)
        assert (second.entry.enabled, second.entry.notes) == (False, {})
        assert made.value(OWN) == "two"
        assert len(made.variables()) == 1


async def test_a_post_sets_what_it_leaves_out_to_the_defaults() -> None:
    async with scene() as made:
        await made.one.upsert("one", enabled=False, team="a")
        again = await made.one.upsert("two")
        assert (again.entry.enabled, again.entry.notes) == (True, {})


async def test_a_post_updates_what_kubectl_made_under_another_name() -> None:
    async with scene(home(), variable(f"{HOME}/mine", sealed="renv1.")) as made:
        done = await made.one.upsert("new")
        assert (done.created, done.entry.ref) == (False, Ref(HOME, "mine"))
        assert made.value(done.entry.ref) == "new"


async def test_a_value_takes_the_place_of_a_reference_to_a_secret() -> None:
    by_reference = variable(f"{HOME}/mine", valueFrom={"secretKeyRef": {"name": "keys", "key": "a"}})
    async with scene(home(), by_reference) as made:
        await made.one.upsert("new")
        assert "valueFrom" not in stored(made, Ref(HOME, "mine"))["spec"]  # type: ignore[operator]


async def test_annotations_of_others_stay() -> None:
    mine = variable(f"{HOME}/mine", sealed="renv1.")
    mine["metadata"]["annotations"] = {"theirs": "1"}
    async with scene(home(), mine) as made:
        await made.one.upsert("new")
        found = stored(made, Ref(HOME, "mine"))["metadata"]["annotations"]  # type: ignore[index]
        assert found == {"theirs": "1", names.API_KEY_ANNOTATION: ACME.key_id}


async def test_until_the_controller_has_seen_it_the_preview_is_the_mask() -> None:
    async with scene() as made:
        made.controller.at_work = False
        done = await made.one.upsert()
        assert (done.ready, done.entry.preview, done.entry.updated) == (False, MASK, done.entry.created)


async def test_a_stalled_variable_is_answered_at_once_as_not_ready() -> None:
    async with scene() as made:
        made.controller.reasons[OWN.name] = "TooLarge"
        done = await made.one.upsert()
        assert (done.ready, done.entry.state, done.entry.reason) == (False, "stalled", "TooLarge")


async def test_a_patch_changes_only_what_it_names() -> None:
    async with scene() as made:
        first = await made.one.upsert("old", team="a")
        done = await made.one.update(first.entry.id, "new")
        assert (done.created, done.ready, done.entry.notes, done.entry.enabled) == (False, True, {"team": "a"}, True)
        assert made.value(OWN) == "new"
        disabled = await made.one.update(first.entry.id, enabled=False, notes={"b": {"c": 1}})
        assert (disabled.entry.enabled, disabled.entry.notes) == (False, {"b": {"c": 1}})
        assert made.value(OWN) == "new"


async def test_a_patch_with_nothing_to_change_writes_nothing() -> None:
    async with scene() as made:
        first = await made.one.upsert("old", team="a")
        made.cluster.calls.clear()
        done = await made.one.update(first.entry.id, enabled=True, notes={"team": "a"})
        assert made.cluster.writes() == []
        assert (done.ready, done.revision) == (True, first.revision)


async def test_a_write_at_another_state_than_if_match_names_is_refused() -> None:
    async with scene() as made:
        first = await made.one.upsert("old")
        await made.other.update(first.entry.id, "new")
        for write in (made.one.update(first.entry.id, "x", matches=first.entry.etag.__eq__),
                      made.one.delete(first.entry.id, first.entry.etag.__eq__)):  # fmt: skip
            with pytest.raises(PreconditionFailed):
                await write
        assert made.value(OWN) == "new"


async def test_a_write_at_the_state_that_if_match_names_goes_through() -> None:
    async with scene() as made:
        first = await made.one.upsert("old")
        shown = made.one.catalog.find(ACME, first.entry.id).etag
        second = await made.one.update(first.entry.id, "new", matches=shown.__eq__)
        assert second.entry.etag != shown
        assert await made.one.delete(first.entry.id, second.entry.etag.__eq__)


async def test_after_a_delete_nothing_is_left_or_shown() -> None:
    async with scene() as made:
        first = await made.one.upsert()
        revision = await made.one.delete(first.entry.id)
        with pytest.raises(NotFound):
            made.one.catalog.find(ACME, first.entry.id)
        assert made.variables() == []
        assert int(revision) > first.entry.version


async def test_after_a_delete_the_next_claimant_shows_and_its_id_is_the_same() -> None:
    async with scene(home(), variable(f"{HOME}/a", sealed="renv1."), variable(f"{HOME}/b", sealed="renv1.")) as made:
        shown = made.one.catalog.find(ACME, identity().id)
        assert shown.ref.name == "a"
        await made.one.delete(shown.id)
        assert made.one.catalog.find(ACME, identity().id).ref.name == "b"


async def test_an_identity_of_another_namespace_answers_where() -> None:
    elsewhere = variable("acme-blog/x", scope="project", projectId="blog", sealed="renv1.")
    async with scene(home(), namespace("acme-blog", "acme", project="blog"), elsewhere) as made:
        who = identity("TOKEN", Project("acme", "blog"))
        for write in (made.one.writes.upsert(ACME, Draft(who, Plaintext("v"), True, {})),
                      made.one.update(who.id, "v"), made.one.delete(who.id)):  # fmt: skip
            with pytest.raises(Conflict) as refused:
                await write
            assert refused.value.winner == "acme-blog/x"


async def test_another_variable_under_the_name_that_a_post_would_use_answers_where() -> None:
    async with scene(home(), variable(str(OWN), "OTHER", sealed="renv1.")) as made:
        with pytest.raises(Conflict) as refused:
            await made.one.upsert()
        assert refused.value.winner == str(OWN)


async def test_without_one_home_nothing_is_written() -> None:
    for manifests in ([namespace("plain", "acme")], [home(), home("second")], [namespace("x", "globex")]):
        async with scene(*manifests) as made:
            with pytest.raises(NoHome, match=r"runtime\.miosa\.ai/home"):
                await made.one.upsert()


async def test_a_key_writes_within_its_limits_only() -> None:
    limited = bearer(scopes=frozenset({"workspace"}))
    async with scene() as made:
        with pytest.raises(Denied):
            await made.one.writes.upsert(limited, draft())
        await made.one.upsert()
        with pytest.raises(NotFound):
            await made.one.writes.delete(limited, identity().id, any_state)
        with pytest.raises(Denied):
            await made.one.writes.upsert(bearer("globex"), draft())


async def test_reserved_names_are_refused_unless_allowed() -> None:
    async with scene() as made:
        with pytest.raises(Invalid):
            await made.one.upsert("v", "LD_PRELOAD")
        assert (await made.one.upsert("v", "LD_ALLOWED")).created


async def test_without_a_sealing_key_only_writes_of_values_fail() -> None:
    def missing() -> None:
        raise KeyUnavailable("not mounted")

    async with scene() as made:
        first = await made.one.upsert()
        made.one.writes._sealing_key = missing  # type: ignore[assignment]
        for write in (made.one.upsert(), made.one.update(first.entry.id, "new")):
            with pytest.raises(KeyUnavailable):
                await write
        assert (await made.one.update(first.entry.id, enabled=False)).ready


async def test_what_does_not_exist_can_not_be_changed() -> None:
    async with scene() as made:
        for write in (made.one.update(identity().id, "v"), made.one.delete(identity().id)):
            with pytest.raises(NotFound):
                await write
