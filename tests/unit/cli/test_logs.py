from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import Any

import pytest
from kopf._cogs.configs.configuration import OperatorSettings
from kopf._cogs.structs.bodies import Body
from kopf._core.actions.loggers import ObjectLogger
from kubernetes.aio.client import Configuration
from pydantic import BaseModel

from runtimeenv.cli import logs
from runtimeenv.core.values import Plaintext
from runtimeenv.errors import Invalid
from tests.unit.cli.lines import lines, logging_restored

CANARY = "sk-canary-3f9a1c77d2"

restored = pytest.fixture(autouse=True)(logging_restored)


@pytest.fixture
def written() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("debug", stream)
    return stream


def test_a_record_is_one_json_line_with_its_drawn_fields(written: io.StringIO) -> None:
    fields = {"ref": "acme/key", "reason": "UnsealFailed", "key_id": "0a1b", "count": 3, "object": {"value": CANARY}}
    logging.getLogger("runtimeenv.controller").warning("not\nopened", extra=fields)
    [line] = lines(written.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "runtimeenv.controller",
        "message": "not\nopened",
        "ref": "acme/key",
        "reason": "UnsealFailed",
        "key_id": "0a1b",
        "count": 3,
    }


def test_our_messages_are_constant(written: io.StringIO) -> None:
    logging.getLogger("runtimeenv").info("opened %s", CANARY)
    assert lines(written.getvalue())[0]["message"] == "opened %s"


def test_a_plaintext_in_a_field_is_its_mask(written: io.StringIO) -> None:
    logging.getLogger("runtimeenv").info("wrong", extra={"ref": Plaintext(CANARY), "reason": [Plaintext(CANARY)]})
    assert CANARY not in written.getvalue()
    assert lines(written.getvalue())[0]["ref"] == "Plaintext(********)"


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_our_records_show_from_the_level_up(level: str, shown: int) -> None:
    stream = io.StringIO()
    logs.configure(level, stream)
    for method in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("runtimeenv.webhook"), method)("told")
    assert len(lines(stream.getvalue())) == shown


def test_kopf_s_objects_and_patches_never_show(written: io.StringIO) -> None:
    body = Body({"kind": "RuntimeEnvVar", "metadata": {"name": "x"}, "spec": {"sealedValue": CANARY}})
    logger = ObjectLogger(body=body, settings=OperatorSettings())
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(level, f"Merge-patching the resource with: {body!r}")
        logger.log(level, "Updating diff: %r", body)
        logging.getLogger("kopf._cogs.clients.watching").log(level, f"Ignoring an unsupported event type: {body!r}")
    told = lines(written.getvalue())
    assert CANARY not in written.getvalue()
    assert {line["level"] for line in told} == {"warning", "error"}
    assert {line["message"] for line in told} == {"library"}
    assert all(line["where"].startswith("test_logs:") for line in told)


@pytest.mark.parametrize(
    "name", ["kubernetes.aio.client.rest", "kubernetes.client.rest", "aiohttp.access", "aiohttp.server", "asyncio", "x"]
)
def test_libraries_stay_silent_even_where_their_loggers_are_opened(name: str, written: io.StringIO) -> None:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        logger.debug("response body: %s", CANARY)
        logger.info("response body: %s", CANARY)
    finally:
        logger.setLevel(before)
    assert written.getvalue() == ""


def test_the_client_s_own_debug_switch_changes_nothing(written: io.StringIO) -> None:
    configuration = Configuration()
    configuration.debug = True
    try:
        for logger in configuration.logger.values():
            logger.debug("response body: %s", CANARY)
    finally:
        configuration.debug = False
    assert written.getvalue() == ""


def test_permissions_that_kopf_lacks_are_told(written: io.StringIO) -> None:
    logging.getLogger("kopf._core.reactor.observation").warning("Not enough permissions to list namespaces.")
    assert lines(written.getvalue())[0]["message"] == "Not enough permissions to list namespaces."


class _Strict(BaseModel):
    size: int


def _pydantic() -> None:
    _Strict.model_validate({"size": CANARY})


def _key_error() -> None:
    dict[str, str]()[CANARY]


def _chained() -> None:
    try:
        _key_error()
    except KeyError as error:
        raise RuntimeError(CANARY) from error


@pytest.mark.parametrize("fail", [_pydantic, _key_error, _chained, lambda: json.loads(CANARY), lambda: int(CANARY)])
def test_a_foreign_exception_shows_its_type_and_place_alone(fail: Any, written: io.StringIO) -> None:
    try:
        fail()
    except Exception:
        logging.getLogger("runtimeenv.api").exception("failed")
    [line] = lines(written.getvalue())
    assert CANARY not in written.getvalue()
    assert line["error"] in {"ValidationError", "KeyError", "RuntimeError", "JSONDecodeError", "ValueError"}
    assert any("test_logs.py" in step for step in line["trace"])


def test_an_exception_of_ours_shows_its_sentence(written: io.StringIO) -> None:
    try:
        raise Invalid("spec.name", "is reserved")
    except Invalid:
        logging.getLogger("runtimeenv.api").exception("failed")
    assert lines(written.getvalue())[0]["error"] == "Invalid: spec.name: is reserved"


def test_a_system_s_failure_shows_its_reason(written: io.StringIO) -> None:
    try:
        raise OSError(28, "No space left on device", f"/{CANARY}")
    except OSError:
        logging.getLogger("runtimeenv.api").exception("failed")
    assert lines(written.getvalue())[0]["error"] == "OSError: No space left on device"
    assert CANARY not in written.getvalue()


async def test_a_task_s_lost_exception_shows_its_type_alone(written: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        loop.default_exception_handler({"message": f"Exception in callback {CANARY}", "exception": error})
    [line] = lines(written.getvalue())
    assert (line["message"], line["error"]) == ("library", "ValueError")
    assert CANARY not in written.getvalue()


def test_setting_up_twice_writes_each_record_once() -> None:
    stream = io.StringIO()
    logs.configure("info", stream)
    logs.configure("info", stream)
    logging.getLogger("runtimeenv").info("once")
    assert len(lines(stream.getvalue())) == 1
