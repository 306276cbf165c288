"""Where the API server is, and who we are."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio.config import incluster_config

from runtimeenv.cluster.access import REREAD_SECONDS, configuration
from runtimeenv.errors import Invalid

CANARY = "canary-credential"


def kubeconfig(folder: Path, **user: Any) -> dict[str, str]:
    described = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(described))
    return {"KUBECONFIG": str(file)}


async def test_a_kubeconfig_gives_server_and_token(tmp_path: Path) -> None:
    found = await configuration(kubeconfig(tmp_path, token="t1"))
    assert found.host == "http://127.0.0.1:1"
    assert await found.get_api_key_with_prefix("BearerToken") == "Bearer t1"


async def test_no_proxy_is_looked_up_in_the_environment(tmp_path: Path) -> None:
    assert (await configuration(kubeconfig(tmp_path))).client_session_kwargs == {"trust_env": False}


@pytest.mark.virtual_time
async def test_a_token_file_is_read_again_every_minute(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    found = await configuration(kubeconfig(tmp_path, tokenFile=str(token)))
    token.write_text("new")
    assert await found.get_api_key_with_prefix("BearerToken") == "Bearer old"
    await asyncio.sleep(REREAD_SECONDS)
    assert await found.get_api_key_with_prefix("BearerToken") == "Bearer new"


async def test_a_pod_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t2")
    (tmp_path / "ca.crt").write_text("CA")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = await configuration({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"})
    assert found.host == "https://10.0.0.1:443"
    assert await found.get_api_key_with_prefix("BearerToken") == "bearer t2"


async def test_a_kubeconfig_that_is_named_comes_before_the_service_account(tmp_path: Path) -> None:
    found = await configuration({**kubeconfig(tmp_path, token="t1"), "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert found.host == "http://127.0.0.1:1"


async def test_the_home_folder_comes_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    shutil.copy(kubeconfig(tmp_path)["KUBECONFIG"], tmp_path / ".kube" / "config")
    assert (await configuration({"HOME": str(tmp_path)})).host == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        f"{{users: [{{user: {{token: {CANARY}}}}}], clusters: [], contexts: [], current-context: x}}",
        f"{{users: [], clusters: [], contexts: [{{name: x, {CANARY}: 1}}], current-context: x}}",
    ],
)
async def test_a_broken_kubeconfig_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(Invalid, match="KUBECONFIG: name a readable kubeconfig") as caught:
        await configuration({"KUBECONFIG": str(file)})
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_no_way_at_all_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="KUBECONFIG"):
        await configuration({"HOME": str(tmp_path)})


async def test_another_context_can_be_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        await configuration(kubeconfig(tmp_path), context="absent")
    assert await configuration(kubeconfig(tmp_path), context="x")
