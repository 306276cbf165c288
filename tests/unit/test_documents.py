"""What the documents print can be typed: others run the kubectl and curl lines, here all others are checked."""

import re
import tomllib
from functools import reduce
from pathlib import Path

import click
import pytest
import yaml

from runtimeenv.cli.main import main
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Layer, Shape, Workspace
from tests.documents import DOCUMENTS, EXAMPLES, REPOSITORY, commands, programs

ALL = [(document.name, command) for document in DOCUMENTS for command in commands(document)]
RUN_ELSEWHERE = {"kubectl", "helm", "curl", "sed", "sops", "age-keygen"}
FORMS = {
    ("docker", "push"),
    ("export", "PATH=$PWD/.venv/bin:$PATH"),
    ("kind", "create"),
    ("kind", "load"),
    ("printf", "%s"),
}


def of(program: str) -> list[list[str]]:
    return [words for _, command in ALL for words in programs(command) if words[0] == program]


@pytest.mark.parametrize(("document", "command"), ALL)
def test_every_printed_command_is_run_or_checked(document: str, command: str) -> None:
    for words in programs(command):
        known = words[0] in RUN_ELSEWHERE | {"make", "runtimeenv"} or tuple(words[:2]) in FORMS
        assert known, f"{document} prints a command that no test knows: {command}"


@pytest.mark.parametrize("words", of("make"), ids=" ".join)
def test_the_make_targets_exist(words: list[str]) -> None:
    assert re.search(rf"^{words[1]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("words", of("runtimeenv"), ids=" ".join)
def test_the_command_line_knows_the_printed_options(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r" > (\S+)", " ".join(command for _, command in ALL)):
        (tmp_path / name).touch()
    command: click.Command = main
    while isinstance(command, click.Group):
        context = command.make_context(words.pop(0), list(words), resilient_parsing=True)
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no verb {words[0]}"
        command = found
    assert command.make_context(words[0], words[1:])


@pytest.mark.parametrize("words", [*of("docker"), *of("kind"), *of("kubectl"), *of("helm")], ids=" ".join)
def test_the_named_files_exist(words: list[str]) -> None:
    for word in (word for word in words if word.startswith(("deploy/", "charts/"))):
        assert (REPOSITORY / word).exists()


def test_the_cluster_of_kind_is_given_the_image_that_is_made_and_that_the_chart_names() -> None:
    [loaded] = [words for words in of("kind") if words[1] == "load"]
    chart, values, kind = (
        yaml.safe_load((REPOSITORY / path).read_text())
        for path in ("charts/runtime-env/Chart.yaml", "charts/runtime-env/values.yaml", "deploy/kind.yaml")
    )
    image = f"{values['image']['repository']}:{chart['appVersion']}"
    assert loaded == ["kind", "load", "docker-image", image, "--name", kind["name"]]
    assert f"\nIMAGE ?= {values['image']['repository']}:$(VERSION)\n" in (REPOSITORY / "Makefile").read_text()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["version"] == chart["appVersion"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_to_files(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_example_of_a_runtime_env_has_the_name_that_its_spec_gives() -> None:
    [found] = yaml.safe_load_all((REPOSITORY / "deploy/examples/runtimeenv.yaml").read_text())
    shape = Shape(found["spec"]["target"], found["spec"].get("workspaceId"), found["spec"].get("projectId"))
    assert found["metadata"]["name"] == names.secret_name(shape)


def test_the_settings_of_the_tests_that_the_documents_name_exist() -> None:
    told = "".join(document.read_text() for document in DOCUMENTS)
    read = "".join(path.read_text() for path in (REPOSITORY / "tests/kube").glob("*.py"))
    named = set(re.findall(r"`(RUNTIME_ENV_[A-Z]+)`", told))
    assert {"RUNTIME_ENV_CONTEXT", "RUNTIME_ENV_IMAGE"} <= named
    assert {name for name in named if f'"{name}"' not in read} == set()


def test_the_documents_name_every_example() -> None:
    told = "".join(document.read_text() for document in DOCUMENTS)
    assert [path.name for path in EXAMPLES if path.name not in told and "deploy/examples)" not in told] == []


def test_the_chart_has_the_values_that_the_documents_name() -> None:
    values = yaml.safe_load((REPOSITORY / "charts/runtime-env/values.yaml").read_text())
    named = {path for document in DOCUMENTS for path in re.findall(r"`(api(?:\.\w+)+)", document.read_text())}
    assert len(named) > 4
    for path in named:
        reduce(lambda found, key: found[key], path.split("."), values)


def test_the_printed_id_is_the_one_of_the_printed_variable() -> None:
    identity = Identity(Layer(Workspace("acme", "ws_123"), "sandbox"), "SEARCH_API_KEY")
    assert set(re.findall(r"env_[a-z2-7]{26}", (REPOSITORY / "README.md").read_text())) == {identity.id}


def test_both_locks_pin_the_same() -> None:
    developers, image = (_pins(REPOSITORY / path) for path in ("requirements.lock", "deploy/requirements.lock"))
    assert {name: pin for name, pin in image.items() if developers.get(name) != pin} == {}


def test_the_image_has_every_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    declared = {re.split("[>=<]", requirement)[0] for requirement in project["dependencies"]}
    assert declared <= set(_pins(REPOSITORY / "deploy/requirements.lock"))


def _pins(lock: Path) -> dict[str, str]:
    """Each package with its version, marker and hashes."""
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    return {entry.split("==")[0]: entry for entry in entries}
