from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from runtimeenv.cli.main import main
from runtimeenv.errors import Unavailable
from runtimeenv.settings import Settings
from tests.unit.cli.lines import lines, logging_restored

PROCESSES = ("controller", "webhook")
CANARY = "sk-canary-3f9a1c77d2"

restored = pytest.fixture(autouse=True)(logging_restored)


def _start(
    verb: str, run: Callable[[Settings], int], patch: pytest.MonkeyPatch, environ: dict[str, str] | None = None
) -> Result:
    module = ModuleType(f"runtimeenv.{verb}.run")
    module.run = run  # type: ignore[attr-defined]
    patch.setitem(sys.modules, module.__name__, module)
    return CliRunner(env=environ).invoke(main, [verb])


@pytest.mark.parametrize("verb", PROCESSES)
def test_a_process_gets_its_settings_and_its_exit_code_counts(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Settings] = []

    def run(settings: Settings) -> int:
        told.append(settings)
        return 3

    answer = _start(verb, run, monkeypatch, {"RUNTIME_ENV_NAMESPACE": "elsewhere"})
    assert answer.exit_code == 3
    assert [settings.namespace for settings in told] == ["elsewhere"]


@pytest.mark.parametrize("setting", ["LOG_LEVEL", "API_KEY_RATE", "API_ADDRESS_RATE"])
@pytest.mark.parametrize("verb", PROCESSES)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    verb: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = _start(verb, lambda _: 0, monkeypatch, {f"RUNTIME_ENV_{setting}": CANARY})
    assert answer.exit_code == 2
    assert answer.stderr.startswith(f"Error: RUNTIME_ENV_{setting}: ")
    assert answer.stderr.count("\n") == 1
    assert CANARY not in answer.output


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
def test_a_rate_that_lets_nobody_in_is_refused(rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = _start("api", lambda _: 0, monkeypatch, {"RUNTIME_ENV_API_KEY_RATE": rate})
    assert (answer.exit_code, answer.output.count("RUNTIME_ENV_API_KEY_RATE")) == (2, 1)


def test_a_failure_ends_in_one_line_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: Settings) -> int:
        raise KeyError(CANARY)

    answer = _start("controller", run, monkeypatch)
    assert answer.exit_code == 1
    [line] = lines(answer.stderr)
    assert line["message"] == "stopped by a failure"
    assert line["error"] == "KeyError"
    assert CANARY not in answer.output


def test_a_failure_of_ours_tells_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: Settings) -> int:
        raise Unavailable(503, "list secrets")

    [line] = lines(_start("webhook", run, monkeypatch).stderr)
    assert line["error"] == "Unavailable: list secrets: HTTP 503"


def test_a_process_that_is_not_there_is_told() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "runtimeenv.controller.run", None)
        answer = CliRunner().invoke(main, ["controller"])
    assert answer.exit_code == 1
    assert lines(answer.stderr)[0]["error"] == "ModuleNotFoundError"
