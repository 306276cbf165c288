"""The one name of a RuntimeEnv and its Secret (design §5.4)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from runtimeenv.core.identity import Shape
from runtimeenv.core.names import NAME_LIMIT, encrypted_secret_name, escape, secret_name
from runtimeenv.errors import Invalid
from tests.unit.core.strategies import ids, shapes

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


@given(shapes)
def test_every_name_is_a_dns_subdomain(shape: Shape) -> None:
    assert re.fullmatch(SUBDOMAIN, secret_name(shape))


@given(shapes, shapes)
def test_two_shapes_have_two_names(one: Shape, other: Shape) -> None:
    assert (secret_name(one) == secret_name(other)) is (one == other)


@given(ids)
def test_an_escaped_id_can_be_read_back(text: str) -> None:
    back = {"--": "-", "-u": "_", "-d": "."}

    def plain(found: re.Match[str]) -> str:
        escaped = found[0]
        return escaped[2].upper() if escaped.startswith("-c") else back.get(escaped, escaped)

    assert re.sub(r"-c.|-.|.", plain, escape(text)) == text


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        (Shape("sandbox"), "renv.sandbox"),
        (Shape("agent", "ws_123"), "renv.agent.w-ws-u123"),
        (Shape("computer", None, "Blog"), "renv.computer.p--cblog"),
        (Shape("sandbox", "a.b", "c-d"), "renv.sandbox.w-a-db.p-c--d"),
    ],
)
def test_names_never_change_between_releases(shape: Shape, name: str) -> None:
    assert secret_name(shape) == name


def test_a_name_that_kubernetes_could_not_hold_is_refused() -> None:
    fits = Shape("sandbox", "a" * 63, "A" * 53 + "a")
    assert len(secret_name(fits)) <= NAME_LIMIT
    with pytest.raises(Invalid, match="use shorter workspace and project ids"):
        secret_name(Shape("sandbox", "A" * 63, "A" * 63))


def test_an_encrypted_secret_is_named_by_its_variables_uid() -> None:
    assert encrypted_secret_name("0a-1b") == "rvar.0a-1b"
