from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from runtimeenv.cli import published, sealing
from runtimeenv.cli.main import main
from runtimeenv.core.identity import Identity, Layer, Project, Tenant, Workspace
from runtimeenv.core.values import VALUE_LIMIT, Plaintext
from runtimeenv.crypto.seal import SealedValue
from runtimeenv.crypto.unseal import unseal
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.cli.manifests import config_map
from tests.unit.crypto.examples import CANARY, KEYRING

KEY = KEYRING.sealing_key()
PRINT = KEY.fingerprint
IDENTITY = Identity(Layer(Workspace("acme", "ws_1"), "sandbox"), "API_KEY")


@pytest.fixture
def key(tmp_path: Path) -> str:
    file = tmp_path / "sealing-key"
    file.write_text(f"{KEY}\n")
    return str(file)


def _seal(*arguments: str, value: str | bytes = CANARY) -> Result:
    return CliRunner().invoke(main, ["seal", *arguments], input=value)


def _opened(answer: Result, identity: Identity) -> Plaintext:
    assert answer.exit_code == 0, answer.output
    text, newline = answer.stdout[:-1], answer.stdout[-1]
    assert newline == "\n"
    return unseal(SealedValue.parse(text), identity, KEYRING)


WORKSPACE = ("--tenant", "acme", "--workspace", "ws_1", "--target", "sandbox", "--name", "API_KEY")


def test_a_value_from_standard_input_opens_in_the_cluster(key: str) -> None:
    answer = _seal(*WORKSPACE, "--public-key", key)
    assert _opened(answer, IDENTITY) == Plaintext(CANARY)
    assert CANARY not in answer.output


@pytest.mark.parametrize(
    ("arguments", "identity"),
    [
        ((), Identity(Layer(Tenant("acme"), "all"), "A")),
        (("--scope", "tenant", "--target", "agent"), Identity(Layer(Tenant("acme"), "agent"), "A")),
        (("--project", "p"), Identity(Layer(Project("acme", "p"), "all"), "A")),
        (("--scope", "project", "--project", "p"), Identity(Layer(Project("acme", "p"), "all"), "A")),
    ],
)
def test_the_scope_follows_from_the_ids(arguments: tuple[str, ...], identity: Identity, key: str) -> None:
    assert _opened(_seal("--tenant", "acme", "--name", "A", "--public-key", key, *arguments), identity)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("v\n", "v"), ("v\n\n", "v\n"), ("v", "v"), ("\n", ""), ("", ""), ("v\r\n", "v\r"), ("ä ", "ä ")],
)
def test_exactly_one_newline_at_the_end_is_left_out(given: str, kept: str, key: str) -> None:
    answer = _seal(*WORKSPACE, "--public-key", key, value=given.encode())
    assert _opened(answer, IDENTITY) == Plaintext(kept)


def test_raw_keeps_the_newline(key: str) -> None:
    answer = _seal(*WORKSPACE, "--public-key", key, "--raw", value=b"v\n")
    assert _opened(answer, IDENTITY) == Plaintext("v\n")


def test_a_value_typed_at_a_terminal_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "getpass", lambda _: CANARY)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    answer = _seal(*WORKSPACE, "--public-key", key, value="")
    assert _opened(answer, IDENTITY) == Plaintext(CANARY)
    assert CANARY not in answer.output


def test_yaml_is_a_whole_variable(key: str) -> None:
    answer = _seal(*WORKSPACE, "--public-key", key, "-n", "acme-blue", "-o", "yaml")
    manifest = yaml.safe_load(answer.stdout)
    sealed = manifest["spec"].pop("sealedValue")
    assert unseal(SealedValue.parse(sealed), IDENTITY, KEYRING) == Plaintext(CANARY)
    assert manifest == {
        "apiVersion": "runtime.miosa.ai/v1",
        "kind": "RuntimeEnvVar",
        "metadata": {"name": "api-key", "namespace": "acme-blue"},
        "spec": {"scope": "workspace", "workspaceId": "ws_1", "target": "sandbox", "name": "API_KEY"},
    }
    assert sum("renv1." in line for line in answer.stdout.splitlines()) == 1


@pytest.mark.parametrize(("name", "object_name"), [("_A_B_", "a-b"), ("__", "variable"), ("A", "a")])
def test_the_object_s_name_follows_from_the_variable_s(name: str, object_name: str, key: str) -> None:
    answer = _seal("--tenant", "acme", "--name", name, "--public-key", key, "-o", "yaml")
    assert yaml.safe_load(answer.stdout)["metadata"] == {"name": object_name}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--name", "A"), "--tenant: give it, or give the --namespace of the variable, whose labels tell it"),
        (("--tenant", "-a", "--name", "A"), "--tenant: must be 1 to 63 letters"),
        (("--tenant", "a", "--name", "a"), "--name: must be upper-case letters"),
        (("--tenant", "a", "--name", "A", "--scope", "workspace"), "--workspace: required when scope is workspace"),
        (("--tenant", "a", "--name", "A", "--scope", "tenant", "--project", "p"), "--project: remove it"),
        (("--tenant", "a", "--name", "A", "--workspace", "w", "--project", "p"), "--project: remove it"),
        (("--tenant", "a", "--name", "A", "--project", "p/"), "--project: must be 1 to 63 letters"),
        (
            ("--tenant", "a", "--name", "A", "--fingerprint", "SHA256:x"),
            f"the public key has fingerprint {KEY.fingerprint}",
        ),
    ],
)
def test_wrong_options_are_told_in_one_sentence(arguments: tuple[str, ...], sentence: str, key: str) -> None:
    answer = _seal(*arguments, "--public-key", key)
    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"Error: {sentence}")
    assert CANARY not in answer.output


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"\xff" + CANARY.encode(), "is not UTF-8 text"),
        (CANARY.encode() + b"\0", "contains NUL"),
        (CANARY.encode() * VALUE_LIMIT, "is over 32768 bytes"),
    ],
)
def test_a_value_out_of_form_is_refused_without_an_echo(value: bytes, sentence: str, key: str) -> None:
    answer = _seal(*WORKSPACE, "--public-key", key, value=value)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Error: standard input: {sentence}")
    assert CANARY not in answer.output


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_the_longest_value_may_end_in_a_newline(newline: bytes, key: str) -> None:
    answer = _seal(*WORKSPACE, "--public-key", key, value=b"x" * VALUE_LIMIT + newline)
    assert _opened(answer, IDENTITY) == Plaintext("x" * VALUE_LIMIT)


def test_a_value_is_no_argument(key: str) -> None:
    assert _seal(*WORKSPACE, "--public-key", key, CANARY).exit_code == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"renvpk1.xwing.", bytes(100_000)])
def test_a_file_without_a_public_key_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(content)
    answer = _seal(*WORKSPACE, "--public-key", str(tmp_path / "other"))
    assert answer.exit_code == 1
    assert answer.stderr.startswith("Error: sealing-key: ")


def test_a_missing_name_and_a_missing_file_are_usage_errors(key: str) -> None:
    assert "Missing option '--name'" in _seal("--tenant", "acme", "--public-key", key).stderr
    answer = _seal(*WORKSPACE, "--public-key", f"{key}.gone")
    assert (answer.exit_code, "does not exist" in answer.stderr) == (2, True)


def test_a_pinned_fingerprint_that_fits_is_accepted(key: str) -> None:
    assert _opened(_seal(*WORKSPACE, "--public-key", key, "--fingerprint", KEY.fingerprint), IDENTITY)


def _reached(patch: pytest.MonkeyPatch, **labels: str) -> list[str | None]:
    """The kubeconfig leads to a cluster with namespace ``blue`` of these labels; lists the contexts that were asked."""
    entries = {"sealing-key": str(KEY), "fingerprint": KEY.fingerprint}
    cluster = FakeCluster(namespace("blue", **labels), config_map("ops", **entries))
    asked: list[str | None] = []

    @asynccontextmanager
    async def connect(context: str | None) -> AsyncIterator[FakeCluster]:
        asked.append(context)
        yield cluster

    patch.setattr(published, "connect", connect)
    return asked


def test_tenant_and_key_are_read_from_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _reached(monkeypatch, tenant="acme", workspace="ws_1")
    answer = _seal(*WORKSPACE[2:], "-n", "blue", "--context", "prod", "--system-namespace", "ops")
    assert _opened(answer, IDENTITY) == Plaintext(CANARY)
    assert asked == ["prod", "prod"]


def test_what_the_namespace_may_not_define_is_refused_before_sealing(monkeypatch: pytest.MonkeyPatch) -> None:
    _reached(monkeypatch, tenant="acme", workspace="ws_1")
    answer = _seal("-n", "blue", "--name", "A")
    assert answer.stderr == "Error: the namespace may define scope workspace of workspace ws_1 only\n"
    assert answer.exit_code == 1


def test_a_namespace_of_no_tenant_needs_the_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    _reached(monkeypatch)
    assert "belongs to no tenant" in _seal("-n", "blue", "--name", "A").stderr
    assert _opened(_seal("-n", "blue", *WORKSPACE, "--system-namespace", "ops"), IDENTITY)


def test_an_operator_that_is_not_there_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _reached(monkeypatch)
    answer = _seal(*WORKSPACE)
    assert answer.exit_code == 1
    assert "runtime-env-system/runtime-env-public-key holds no public key" in answer.stderr


def test_the_public_key_is_printed_and_its_fingerprint_beside(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _reached(monkeypatch)
    for arguments in (["--system-namespace", "ops"], ["--public-key", key]):
        answer = CliRunner().invoke(main, ["public-key", *arguments])
        assert answer.stdout == f"{KEY}\n"
        assert answer.stderr == f"fingerprint: {KEY.fingerprint}\n"
