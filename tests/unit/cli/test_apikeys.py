from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner, Result

from runtimeenv.api.key_records import DESCRIPTION_LIMIT, read_records
from runtimeenv.cli.main import main
from runtimeenv.cluster import client
from runtimeenv.cluster.kinds import SECRETS
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import API_KEYS_SECRET
from runtimeenv.crypto.api_keys import ApiKey
from runtimeenv.errors import Rejected
from tests.builders import namespace
from tests.fakes.cluster import FakeCluster
from tests.unit.api.keys import KEY, SYSTEM, hash_key_secret, keys_secret, record


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """What every command reaches; tenant acme has a namespace there."""
    fake = FakeCluster(namespace("acme", tenant="acme"))

    @asynccontextmanager
    async def connect(_: str | None) -> AsyncIterator[FakeCluster]:
        yield fake

    monkeypatch.setattr(client, "connect", connect)
    return fake


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["apikey", *words])


def made(*options: str) -> ApiKey:
    """A new key of tenant acme."""
    answer = run("create", "--tenant", "acme", *options)
    assert answer.exit_code == 0, answer.output
    return ApiKey.parse(answer.stdout.removesuffix("\n"))


def test_a_new_key_stands_alone_on_standard_output() -> None:
    answer = run("create", "--tenant", "acme", "--role", "write")
    key = ApiKey.parse(answer.stdout.removesuffix("\n"))
    assert answer.stderr == f"Key {key.id} (write) of tenant acme: keep it now, it is not shown again.\n"


def test_a_new_key_as_json_comes_with_what_is_known_of_it() -> None:
    answer = run("create", "--tenant", "acme", "--workspace", "a", "--workspace", "b", "-o", "json", "--expires", "90d")
    told = json.loads(answer.stdout)
    assert ApiKey.parse(told["key"]).id == told["id"]
    assert (told["role"], told["scopes"], told["workspaces"]) == ("read", ["workspace"], ["a", "b"])
    assert f"until {told['expires']}" in answer.stderr


def test_a_tenant_without_a_namespace_is_warned_of() -> None:
    answer = run("create", "--tenant", "globex")
    assert ApiKey.parse(answer.stdout.strip())
    assert "Warning: no namespace is enrolled under tenant globex" in answer.stderr


def test_who_may_not_list_namespaces_gets_a_key(cluster: FakeCluster) -> None:
    cluster.faults.fail(Rejected(403, "list namespaces"), verb="list")
    answer = run("create", "--tenant", "acme")
    assert ApiKey.parse(answer.stdout.strip())
    assert "Warning: not allowed to list namespaces" in answer.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--tenant", "a b"], "--tenant: must be 1 to 63 letters"),
        (["--workspace", "a/b"], "--workspace: must be"),
        (["--project", ""], "--project: must be"),
        (["--scope", "tenant", "--workspace", "a"], "--workspace: has no effect without --scope workspace"),
        (["--expires", "soon"], "--expires: give a duration"),
        (["--description", "x" * (DESCRIPTION_LIMIT + 1)], "--description: give at most 200"),
        (["--description", "a\nb"], "--description: give at most 200"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_made(
    cluster: FakeCluster, options: list[str], reason: str
) -> None:
    answer = run("create", "--tenant", "acme", *options)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert reason in answer.stderr
    assert cluster.calls == []


def test_the_list_shows_all_but_the_hash(cluster: FakeCluster) -> None:
    key = made(
        "--role", "write", "--scope", "tenant", "--scope", "project", "--project", "p", "--description", "for ci"
    )
    text, as_json = run("list").stdout, run("list", "-o", "json").stdout
    headings, row = text.splitlines()
    assert headings.split() == ["ID", "TENANT", "ROLE", "LIMITS", "CREATED", "EXPIRES", "STATUS", "DESCRIPTION"]
    assert row.split()[:4] == [key.id, "acme", "write", "tenant,project=p"]
    assert row.split()[5:] == ["never", "Active", "for", "ci"]
    stored, _ = read_records({key.id: _entry(cluster, key.id)})
    assert stored[key.id].hash not in text + as_json
    assert key.reveal().split("_")[3] not in text + as_json
    [told] = json.loads(as_json)
    assert (told["id"], told["status"], told["expires"]) == (key.id, "Active", None)


def _entry(cluster: FakeCluster, key_id: str) -> bytes:
    return base64.b64decode(cluster.read(SECRETS, Ref(SYSTEM, API_KEYS_SECRET))["data"][key_id])


def test_the_list_is_ordered_and_narrowed_by_tenant(cluster: FakeCluster) -> None:
    keys = [ApiKey.generate() for _ in range(3)]
    records = {key.id: record(key, tenant, created=at) for key, tenant, at in zip(keys, "bab", (5, 9, 3), strict=True)}
    cluster.apply(keys_secret(records))
    assert [told["id"] for told in json.loads(run("list", "-o", "json").stdout)] == [keys[n].id for n in (1, 2, 0)]
    assert [told["id"] for told in json.loads(run("list", "-o", "json", "--tenant", "a").stdout)] == [keys[1].id]


def test_the_list_tells_ended_keys_and_limits(cluster: FakeCluster) -> None:
    revoked, expired = ApiKey.generate(), ApiKey.generate()
    cluster.apply(keys_secret({revoked.id: record(revoked, revoked=5), expired.id: record(expired, expires=5)}))
    told = {entry["id"]: entry["status"] for entry in json.loads(run("list", "-o", "json").stdout)}
    assert told == {revoked.id: "Revoked", expired.id: "Expired"}
    assert all(row.split()[3] == "none" for row in run("list").stdout.splitlines()[1:])


def test_an_empty_list_says_how_to_make_a_key() -> None:
    answer = run("list")
    assert (answer.stdout, answer.exit_code) == ("", 0)
    assert "runtimeenv apikey create --tenant TENANT" in answer.stderr
    assert json.loads(run("list", "-o", "json").stdout) == []


def test_entries_that_can_not_be_read_are_told(cluster: FakeCluster) -> None:
    cluster.apply(keys_secret({}, {"a" * 16: b"{}"}))
    assert "Warning: 1 entries of the Secret are no keys of this release." in run("list").stderr


def test_revoking_tells_of_each_key() -> None:
    one, other = made(), made()
    assert run("revoke", one.id).stdout == f"{one.id} revoked\n"
    assert run("revoke", one.id, other.reveal()).stdout == f"{one.id} had ended already\n{other.id} revoked\n"


def test_an_unknown_key_is_told_with_the_mend() -> None:
    for verb in ("revoke", "rotate"):
        answer = run(verb, "a" * 16)
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert answer.stderr == "Error: no API key aaaaaaaaaaaaaaaa: `runtimeenv apikey list` shows the ids\n"


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
@pytest.mark.parametrize("text", [KEY.reveal()[:-8], KEY.reveal()[9:], KEY.reveal().split("_")[3], "nonsense"])
def test_what_is_no_id_is_refused_without_being_told(cluster: FakeCluster, verb: str, text: str) -> None:
    answer = run(verb, text)
    assert answer.exit_code == 1
    assert "ID: must be the 16 characters" in answer.stderr
    assert text not in answer.output
    assert cluster.calls == []


def test_rotating_prints_a_new_key_and_when_the_old_one_ends() -> None:
    old = made("--role", "write")
    answer = run("rotate", old.id)
    new = ApiKey.parse(answer.stdout.removesuffix("\n"))
    told = {entry["id"]: entry for entry in json.loads(run("list", "-o", "json").stdout)}
    assert (told[old.id]["status"], told[old.id]["successor"]) == ("Active", new.id)
    assert f"Key {old.id} ends at {told[old.id]['expires']}." in answer.stderr
    assert (told[new.id]["role"], told[new.id]["expires"]) == ("write", None)


def test_rotating_without_overlap_ends_the_old_key() -> None:
    old = made()
    assert json.loads(run("rotate", old.id, "--overlap", "0", "-o", "json").stdout)["tenant"] == "acme"
    told = {entry["id"]: entry["status"] for entry in json.loads(run("list", "-o", "json").stdout)}
    assert told.pop(old.id) == "Revoked"
    assert list(told.values()) == ["Active"]


def test_an_ended_key_is_not_rotated() -> None:
    old = made()
    run("revoke", old.id)
    answer = run("rotate", old.id)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "has ended already: create a new key" in answer.stderr


def test_the_operator_s_namespace_can_be_another(cluster: FakeCluster) -> None:
    cluster.apply(hash_key_secret())
    made("--system-namespace", "elsewhere")
    assert cluster.store.get(SECRETS, Ref("elsewhere", API_KEYS_SECRET)) is not None
    assert cluster.store.get(SECRETS, Ref(SYSTEM, API_KEYS_SECRET)) is None


def test_a_key_in_json_or_in_an_error_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    key = made()
    run("rotate", key.reveal())
    assert key.reveal().split("_")[3] not in caplog.text
