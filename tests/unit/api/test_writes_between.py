"""What happens to a variable between the read and the write of one request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from runtimeenv.cluster.kinds import RUNTIME_ENV_VARS
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Conflict, NotFound
from tests.builders import variable
from tests.unit.api.replicas import HOME, Replica, identity, scene

pytestmark = pytest.mark.virtual_time

ID = identity().id
OWN = Ref(HOME, ID.replace("_", "-"))
ELSEWHERE = variable("acme-blog/x", scope="tenant", sealed="renv1.")


def after_next_read(replica: Replica, act: Callable[[], object]) -> None:
    """Something happens right after the next GET of a variable, before what was read is used."""
    real = replica.writes._objects._cluster

    class Between:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        async def get(self, kind: Any, ref: Ref) -> Any:
            found = await real.get(kind, ref)
            replica.writes._objects._cluster = real
            act()
            return found

    replica.writes._objects._cluster = Between()


async def test_a_variable_that_goes_between_read_and_write_is_made_anew_by_post_and_missed_by_patch() -> None:
    async with scene() as made:
        await made.one.upsert("old")
        after_next_read(made.one, lambda: made.cluster.remove(RUNTIME_ENV_VARS, OWN))
        assert (await made.one.upsert("new")).created
        after_next_read(made.one, lambda: made.cluster.remove(RUNTIME_ENV_VARS, OWN))
        with pytest.raises(NotFound):
            await made.one.update(ID, "newer")


@pytest.mark.parametrize(("write", "error"), [("upsert", Conflict), ("update", NotFound), ("delete", NotFound)])
async def test_a_variable_made_anew_as_another_between_read_and_write_is_not_touched(
    write: str, error: type[Exception]
) -> None:
    async with scene() as made:
        await made.one.upsert("old")

        def anew() -> None:
            made.cluster.remove(RUNTIME_ENV_VARS, OWN)
            made.cluster.apply(variable(str(OWN), "OTHER", sealed="renv1."))

        writes: dict[str, Callable[[], Awaitable[object]]] = {
            "upsert": made.one.upsert,
            "update": partial(made.one.update, ID, "new"),
            "delete": partial(made.one.delete, ID),
        }
        after_next_read(made.one, anew)
        with pytest.raises(error):
            await writes[write]()
        assert made.cluster.read(RUNTIME_ENV_VARS, OWN)["spec"]["sealedValue"] == "renv1."


async def test_a_patch_that_no_longer_applies_is_made_anew() -> None:
    async with scene() as made:
        await made.one.upsert("old")

        def without_annotations() -> None:
            bare = made.cluster.read(RUNTIME_ENV_VARS, OWN)
            del bare["metadata"]["annotations"]
            made.cluster.apply(bare)

        after_next_read(made.one, without_annotations)
        assert (await made.one.upsert("new")).ready
        assert made.value(OWN) == "new"
