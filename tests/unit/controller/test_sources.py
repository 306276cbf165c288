"""Where a value comes from: what is read, what is kept when it can't be, and what is withheld."""

from __future__ import annotations

import pytest

from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.core.names import SOURCE_LABEL
from tests.builders import namespace, runtime_env, source_secret, variable
from tests.unit.controller.world import World, from_secret, sealed

pytestmark = pytest.mark.virtual_time

ACME = (namespace("acme", "acme"), runtime_env("acme/renv.sandbox"))
ENV = "acme/renv.sandbox"


async def test_a_broken_sealed_text_keeps_the_last_good_value() -> None:
    async with World(*ACME, sealed("acme/x", "v")) as world:
        await world.apply(variable("acme/x", sealed=sealed("acme/z", "w", "ANOTHER")["spec"]["sealedValue"]))
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.reason("acme/x") == "UnsealFailed"
        assert "last good value" in world.message("acme/x")
        await world.restart()
        assert not world.cluster.writes()
        assert world.env(ENV) == {"TOKEN": "v"}


async def test_a_variable_that_was_never_readable_withholds_its_name() -> None:
    broken = variable("acme/y", sealed="renv1.broken", target="sandbox")
    async with World(*ACME, sealed("acme/x", "wide"), broken) as world:
        assert world.env(ENV) == {}
        assert world.reason("acme/y") == "InvalidValue"
        assert "do not receive this name" in world.message("acme/y")


async def test_an_unreadable_variable_that_is_disabled_withholds_nothing() -> None:
    broken = variable("acme/y", sealed="renv1.broken", target="sandbox", enabled=False)
    async with World(*ACME, sealed("acme/x", "wide"), broken) as world:
        assert world.env(ENV) == {"TOKEN": "wide"}


async def test_a_source_secret_is_read_and_followed() -> None:
    async with World(*ACME, source_secret("acme/s", {"key": "v"}), from_secret("acme/x", "s")) as world:
        before = world.status("acme/x")
        await world.apply(source_secret("acme/s", {"key": "v2"}))
        assert world.env(ENV) == {"TOKEN": "v2"}
        assert world.status("acme/x")["updatedAt"] > before["updatedAt"]
        assert world.status("acme/x")["observedGeneration"] == 1


async def test_a_source_secret_that_changed_while_the_controller_was_down_is_read() -> None:
    async with World(*ACME, source_secret("acme/s", {"key": "v"}), from_secret("acme/x", "s")) as world:
        await world.restart(meanwhile=lambda: world.cluster.apply(source_secret("acme/s", {"key": "v2"})))
        assert world.env(ENV) == {"TOKEN": "v2"}


@pytest.mark.parametrize("gone", ["secret", "key"])
async def test_a_missing_source_keeps_the_last_good_value(gone: str) -> None:
    async with World(*ACME, source_secret("acme/s", {"key": "v"}), from_secret("acme/x", "s")) as world:
        if gone == "secret":
            await world.remove(SECRETS, "acme/s")
        else:
            await world.apply(source_secret("acme/s", {"another": "v"}))
        assert world.env(ENV) == {"TOKEN": "v"}
        assert world.reason("acme/x") == "SourceMissing"
        await world.apply(source_secret("acme/s", {"key": "v3"}))
        assert world.env(ENV) == {"TOKEN": "v3"}
        assert world.reason("acme/x") == "Materialized"


async def test_withdrawn_consent_takes_the_value_and_withholds_the_name() -> None:
    wide = sealed("acme/wide", "wide")
    narrow = from_secret("acme/x", "s", target="sandbox")
    async with World(*ACME, wide, source_secret("acme/s", {"key": "v"}), narrow) as world:
        await world.apply(source_secret("acme/s", {"key": "v"}, consent=False))
        assert world.env(ENV) == {}
        assert "envelope" not in (world.encrypted("acme/x") or {})["data"]
        assert (world.reason("acme/x"), SOURCE_LABEL in world.message("acme/x")) == ("SourceMissing", True)


async def test_a_source_without_consent_is_never_read() -> None:
    async with World(*ACME, source_secret("acme/s", {"key": "v"}, consent=False), from_secret("acme/x", "s")) as world:
        assert world.env(ENV) == {}
        await world.apply(source_secret("acme/s", {"key": "v"}))
        assert world.env(ENV) == {"TOKEN": "v"}


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "runtime.miosa.ai/else", "helm.sh/release.v1"])
async def test_secrets_that_are_credentials_by_nature_are_never_read(kind: str) -> None:
    secret = {**source_secret("acme/s", {"key": "v"}), "type": kind}
    async with World(*ACME, secret, from_secret("acme/x", "s")) as world:
        assert world.env(ENV) == {}
        assert world.reason("acme/x") == "InvalidValue"


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a\0b", b"x" * 32769])
async def test_a_source_that_no_environment_variable_can_hold_is_invalid(raw: bytes) -> None:
    async with World(*ACME, source_secret("acme/s", {"key": raw}), from_secret("acme/x", "s")) as world:
        assert world.reason("acme/x") == "InvalidValue"
        assert world.message("acme/x").startswith("spec.valueFrom.secretKeyRef.key")


async def test_the_empty_text_is_a_value() -> None:
    async with World(*ACME, sealed("acme/x", "")) as world:
        assert world.env(ENV) == {"TOKEN": ""}
