"""Lists in pages: of fewer objects where they are large, so that no page fills the memory."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.cluster import client
from runtimeenv.cluster.client import ApiCluster
from runtimeenv.cluster.kinds import CONFIG_MAPS, Kind
from runtimeenv.cluster.protocol import Page, Query, pages
from runtimeenv.errors import Oversized
from tests.fakes.cluster import FakeCluster
from tests.unit.cluster.test_answers import Answers, answers, cluster

__all__ = ["answers", "cluster"]

LARGEST = 1536 * 1024
"""Bytes of the largest object that etcd takes."""
NAMES = "abcdefghijklmnop"


class Bounded(FakeCluster):
    """Answers no page of more than so many objects, and notes the limits that were asked for."""

    def __init__(self, most: int) -> None:
        super().__init__(*({**EMPTY, "metadata": {"namespace": "acme", "name": name}} for name in NAMES))
        self.most = most
        self.limits: list[int] = []

    async def list(self, kind: Kind[Any], query: Query) -> Page[Any]:
        self.limits.append(query.limit)
        if query.limit > self.most:
            raise Oversized(200, "list")
        return await super().list(kind, query)


EMPTY = {"apiVersion": "v1", "kind": "ConfigMap"}


@pytest.mark.parametrize("most", [1, 2, 5, 8, 100])
async def test_pages_that_are_too_large_are_asked_for_again_in_parts(most: int) -> None:
    bounded = Bounded(most)
    found = [item.metadata.name async for page in pages(bounded, CONFIG_MAPS, Query(limit=8)) for item in page.items]
    assert found == [*NAMES]
    assert min(bounded.limits) >= 1


async def test_pages_grow_again_but_never_beyond_what_was_asked_for() -> None:
    bounded = Bounded(2)
    listing = pages(bounded, CONFIG_MAPS, Query(limit=8))
    assert len((await anext(listing)).items) == 2
    bounded.most = 100
    sizes = [len(page.items) async for page in listing]
    assert sizes == [4, 8, 2]
    assert bounded.limits == [8, 2, 4, 8, 8]


def test_not_many_objects_are_asked_for_at_once() -> None:
    assert Query().limit * LARGEST <= 150 * 2**20  # the API server holds all of a page


async def test_a_page_is_read_no_further_than_its_limit(cluster: ApiCluster, answers: Answers) -> None:
    page = '{"metadata":{"resourceVersion":"5"},"items":[],"filled":"%s"}'
    answers.say(200, page % ("x" * client.PAGE))
    with pytest.raises(Oversized, match="list configmaps"):
        await cluster.list(CONFIG_MAPS, Query(limit=2))
    assert (await cluster.list(CONFIG_MAPS, Query(limit=1))).version == "5"
    answers.say(200, page % ("x" * (client.PAGE - 100)))
    assert (await cluster.list(CONFIG_MAPS, Query())).version == "5"
