from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import pytest

from runtimeenv.api.key_records import KeyRecord
from runtimeenv.core.identity import Project, Scope, Tenant, Workspace
from runtimeenv.crypto.api_keys import ApiKey
from runtimeenv.errors import Unauthenticated
from tests.fakes.cluster import FakeCluster
from tests.unit.api.keys import (
    EXPIRED,
    HASH_KEY,
    KEY,
    NOW,
    REVOKED,
    STRANGER,
    World,
    hash_key_secret,
    header,
    keys_secret,
    record,
)


@pytest.fixture
async def world() -> World:
    made = World()
    await made.bearers.poll()
    return made


def wrong_secret() -> ApiKey:
    """A key of the id of KEY, whole but another."""
    other, own = (key.reveal().split("_") for key in (ApiKey.generate(), KEY))
    return ApiKey(own[2], other[3])


async def test_a_good_key_tells_who_asks(world: World) -> None:
    bearer = world.bearers.bearer(header(KEY))
    assert (bearer.key_id, bearer.tenant, bearer.may_write()) == (KEY.id, "acme", True)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}", "Bearer {} "])
async def test_the_scheme_is_read_in_any_case(world: World, form: str) -> None:
    assert world.bearers.bearer(form.format(KEY.reveal())).key_id == KEY.id


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", KEY.reveal(), f"Basic {KEY.reveal()}", f"{header(KEY)[:-1]}!", f"{header(KEY)}, x"],
)
async def test_what_is_no_key_is_refused_without_a_look_up(
    world: World, authorization: str | None, hashes: list[bytes]
) -> None:
    with pytest.raises(Unauthenticated):
        world.bearers.bearer(authorization)
    assert hashes == []


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was hashed, and under which key; the hashing goes on."""
    seen: list[bytes] = []
    digest: Callable[..., bytes] = hmac.digest

    def spy(key: bytes, text: bytes, name: str) -> bytes:
        seen.append(key)
        return digest(key, text, name)

    monkeypatch.setattr(hmac, "digest", spy)
    return seen


BAD = {"unknown": STRANGER, "wrong secret": wrong_secret(), "revoked": REVOKED, "expired": EXPIRED}


async def test_every_bad_key_costs_and_hears_the_same(world: World, hashes: list[bytes]) -> None:
    heard = []
    for key in BAD.values():
        with pytest.raises(Unauthenticated) as caught:
            world.bearers.bearer(header(key))
        heard.append((type(caught.value), str(caught.value), vars(caught.value), caught.value.__cause__))
    assert heard == [heard[0]] * len(BAD)
    assert hashes == [HASH_KEY] * len(BAD)
    with pytest.raises(Unauthenticated) as caught:
        world.bearers.bearer("Bearer x")
    assert str(caught.value) == heard[0][1]


async def test_a_good_key_costs_as_much_as_a_bad_one(world: World, hashes: list[bytes]) -> None:
    world.bearers.bearer(header(KEY))
    assert len(hashes) == 1


async def test_a_refusal_shows_nothing_of_the_key(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for text in [header(key) for key in BAD.values()] + [header(KEY)[:-2]]:
        with pytest.raises(Unauthenticated) as caught:
            world.bearers.bearer(text)
        assert text.split("_")[3] not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert KEY.reveal().split("_")[3] not in repr(world.bearers.bearer(header(KEY)))


async def test_a_key_ends_at_its_second(world: World) -> None:
    world.now = NOW - 1
    assert not world.refused(EXPIRED)
    world.now = NOW
    assert world.refused(EXPIRED)


SCOPES: list[Scope] = [Tenant("acme"), Workspace("acme", "a"), Workspace("acme", "b"), Project("acme", "a")]


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        ({}, [True, True, True, True]),
        ({"scopes": ("workspace",)}, [False, True, True, False]),
        ({"workspaces": ("a",)}, [False, True, False, False]),
        ({"projects": ("b",)}, [False, False, False, False]),
        ({"scopes": ("tenant", "workspace"), "workspaces": ("b",)}, [True, False, True, False]),
    ],
)
async def test_a_key_reaches_what_its_limits_leave(limits: dict[str, Any], reached: list[bool]) -> None:
    limited: KeyRecord = record(KEY, **limits)
    world = World(FakeCluster(hash_key_secret(), keys_secret({KEY.id: limited})))
    await world.bearers.poll()
    bearer = world.bearers.bearer(header(KEY))
    assert [bearer.reaches(scope) for scope in SCOPES] == reached


async def test_no_key_reaches_another_tenant(world: World) -> None:
    bearer = world.bearers.bearer(header(KEY))
    assert not any(bearer.reaches(scope) for scope in (Tenant("globex"), Workspace("globex", "a")))
