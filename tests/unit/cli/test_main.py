from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import runtimeenv
from runtimeenv import __version__
from runtimeenv.cli.main import VERBS, main
from tests.unit.crypto.examples import KEYRING

SOURCE = str(Path(runtimeenv.__file__).parent.parent)

# What a plugin on a user's machine has no business with, and what sealing offline would only wait for.
NEVER = ("crypto.unseal", "crypto.envelope", "crypto.keyring", "kek", "controller", "webhook", "cluster")


def _python(code: str, stdin: str = "") -> str:
    environ = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, input=stdin, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    answer = CliRunner().invoke(main, [verb, "--help"])
    assert answer.exit_code == 0
    assert answer.output.startswith(f"Usage: main {verb}")


def test_the_verbs_are_listed_with_what_they_do() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    assert all(f"  {verb} " in listed for verb in VERBS)


def test_the_version_is_told_both_ways() -> None:
    for arguments in (["version"], ["--version"]):
        assert CliRunner().invoke(main, arguments).output == f"{__version__}\n"


def test_an_unknown_verb_is_a_usage_error() -> None:
    answer = CliRunner().invoke(main, ["unknown"])
    assert answer.exit_code == click.UsageError.exit_code
    assert "No such command" in answer.output


def test_the_package_runs_as_a_module() -> None:
    code = (
        "import runpy, sys; sys.argv = ['runtimeenv', 'version']; runpy.run_module('runtimeenv', run_name='__main__')"
    )
    assert _python(code) == f"{__version__}\n"


def test_a_verb_imports_only_what_it_needs() -> None:
    loaded = _python("import sys, runtimeenv.cli.main; print([m for m in sys.modules if 'cryptography' in m])")
    assert loaded == "[]\n"


def test_sealing_offline_loads_no_half_that_opens_and_no_client(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(str(KEYRING.sealing_key()))
    arguments = ["seal", "--name", "NAME", "--tenant", "acme", "--public-key", str(key)]
    code = (
        "import sys; from runtimeenv.cli.main import main\n"
        f"main({arguments}, standalone_mode=False)\n"
        "print(*(m.removeprefix('runtimeenv.') for m in sys.modules if m.startswith('runtimeenv.')), sep='\\n')\n"
        "assert not {'kubernetes', 'kopf', 'aiohttp', 'pydantic'} & set(sys.modules)\n"
    )
    sealed, *loaded = _python(code, "value").splitlines()
    assert sealed.startswith("renv1.xwing.")
    assert "crypto.seal" in loaded
    assert not [module for module in loaded if module.startswith(NEVER)]


def test_nor_does_sealing_with_a_cluster_s_key() -> None:
    code = "import sys, runtimeenv.cli.published, runtimeenv.cli.sealing; print(*sys.modules, sep='\\n')"
    loaded = _python(code).splitlines()
    assert "runtimeenv.cluster.client" in loaded
    for module in NEVER[:-1]:
        assert not [name for name in loaded if name.startswith(f"runtimeenv.{module}")]
