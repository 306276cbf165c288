"""What users fill up to the API server's limit stays in the API server: one tenant's objects must not end us all."""

from __future__ import annotations

from typing import Any, Final

import kopf
import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS, RUNTIME_ENVS, SECRETS
from runtimeenv.controller.handlers import notice, settings
from runtimeenv.core.names import GROUP, INJECTED_ANNOTATION
from runtimeenv.core.resources import RuntimeEnvVar
from tests.builders import Manifest, namespace, pod, runtime_env, source_secret
from tests.unit.controller.test_leaks import parts
from tests.unit.controller.world import World, at, from_secret, sealed

pytestmark = pytest.mark.virtual_time

FILLING: Final = "filling"
NOTES: Final = {"note": FILLING * 1000}


def filled(manifest: Manifest, **labels: str) -> Manifest:
    """With labels, annotations and owners that nobody asked for."""
    meta = dict(manifest["metadata"])
    meta["labels"] = {**meta.get("labels", {}), **labels, f"{GROUP}/{FILLING}": FILLING, FILLING: "x"}
    meta["annotations"] = {**meta.get("annotations", {}), f"{GROUP}/{FILLING}": FILLING, INJECTED_ANNOTATION: FILLING}
    owner = {"apiVersion": "v1", "kind": FILLING, "name": FILLING}
    others = [{**owner, "uid": FILLING}, {**owner, "uid": 10 * FILLING, "controller": True}]
    meta["ownerReferences"] = [*meta.get("ownerReferences", []), *others[: 1 if "ownerReferences" in meta else 2]]
    return {**manifest, "metadata": meta}


def kept(world: World) -> str:
    """All that the controller keeps, as text."""
    return "\n".join(sorted({repr(part) for part in parts(world.replica.watching)}))


async def test_of_labels_annotations_owners_and_notes_nothing_is_kept() -> None:
    everything = [
        namespace("acme", "acme"),
        namespace("unenrolled"),
        sealed("acme/x", "v", metadata=NOTES),
        source_secret("acme/s", {"key": "v"}),
        from_secret("acme/y", "s", name="Y", metadata=NOTES),
        runtime_env("acme/renv.agent"),
    ]
    asking = filled(pod("acme/p"), **{f"{GROUP}/target": "sandbox"})
    async with World(*map(filled, everything), asking) as world:
        for ref in (world.rvar("acme/x"), "acme/renv.sandbox"):
            world.cluster.apply(filled(world.cluster.read(SECRETS, at(ref))))
        world.cluster.apply(filled(world.cluster.read(RUNTIME_ENVS, at("acme/renv.sandbox"))))
        await world.settle(0.1)  # before they are written anew
        assert FILLING not in kept(world)
        await world.settle()
        assert world.env("acme/renv.sandbox") == {"TOKEN": "v", "Y": "v"}
        assert "renv.sandbox" in kept(world)
        assert FILLING not in kept(world)


async def test_variables_that_wait_are_kept_without_their_notes() -> None:
    offered: list[RuntimeEnvVar] = []
    manifest = sealed("acme/x", "v", metadata=NOTES)
    stored: Any = {**manifest, "metadata": {**manifest["metadata"], "uid": "u"}}
    body = kopf.Body(stored)
    notice(body, offered.append, lambda *_: None)
    assert offered[0].spec.metadata is None
    assert body["spec"]["metadata"] == NOTES


async def test_notes_change_nothing_but_the_time_of_the_last_change() -> None:
    async with World(namespace("acme", "acme"), runtime_env("acme/renv.sandbox"), sealed("acme/x", "v")) as world:
        before, revision = world.status("acme/x"), world.env_status("acme/renv.sandbox")["revision"]
        manifest = world.cluster.read(RUNTIME_ENV_VARS, at("acme/x"))
        await world.apply({**manifest, "spec": {**manifest["spec"], "metadata": NOTES}})
        after = world.status("acme/x")
        assert after["observedGeneration"] == before["observedGeneration"] + 1
        assert after["updatedAt"] > before["updatedAt"]
        assert world.env_status("acme/renv.sandbox")["revision"] == revision


async def test_pods_that_opted_out_are_not_even_seen() -> None:
    async with World(namespace("acme", "acme")) as world:
        asking = {f"{GROUP}/target": "sandbox"}
        opted = {**asking, f"{GROUP}/inject": "false"}
        await world.apply(pod("acme/before", opted), pod("acme/asks", asking), pod("elsewhere/p", opted))
        assert "acme/before" not in (text := seen(world))
        assert "elsewhere" not in text
        assert "acme/asks" in text
        await world.apply(pod("acme/asks", opted), pod("acme/before", asking))
        assert "acme/asks" not in (text := seen(world))
        assert "acme/before" in text


def seen(world: World) -> str:
    return " ".join(str(ref) for ref in world.replica.watching._pods.objects)


def test_a_page_of_kopf_s_fits_into_the_memory_with_room_to_spare() -> None:
    chunk = settings().watching.chunk_size
    assert chunk
    assert chunk * 9 * 1.5 * 2**20 < 2**29  # bytes, text and objects of characters of four bytes; the limit is 1 GiB
