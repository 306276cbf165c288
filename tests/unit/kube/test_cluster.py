"""The handle of a cluster: what it runs, with a stand-in for kubectl that prints its arguments and its input."""

import json
from pathlib import Path

import pytest

from tests.kube import cluster
from tests.kube.cluster import Cluster, KubectlFailed, Unsupported

ECHO = '#!/bin/sh\nfor word in "$@"; do echo "$word"; done\ncat\n'


@pytest.fixture
def handle(tmp_path: Path) -> Cluster:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(ECHO)
    kubectl.chmod(0o700)
    kubeconfig = tmp_path / "admin.kubeconfig"
    return Cluster("control-plane", tmp_path, kubeconfig, "https://127.0.0.1:1", tmp_path / "ca.crt", tmp_path)


def words(handle: Cluster, *args: str, **kw: str | list[str]) -> list[str]:
    return handle.kubectl(*args, input="", **kw).out.split()  # type: ignore[arg-type]


def test_kubectl_uses_the_administrator_s_kubeconfig_and_a_cache_of_its_own(handle: Cluster) -> None:
    given = words(handle, "get", "pods")
    assert given == [f"--kubeconfig={handle.kubeconfig}", f"--cache-dir={handle.folder}/kubectl-cache", "get", "pods"]


def test_kubectl_impersonates_a_user_in_groups(handle: Cluster) -> None:
    given = words(handle, "get", "pods", user="eve", groups=["staff", "acme"])
    assert given[2:5] == ["--as=eve", "--as-group=staff", "--as-group=acme"]


def test_a_failure_of_kubectl_is_raised_with_what_it_said(handle: Cluster) -> None:
    (handle.binaries / "kubectl").write_text("#!/bin/sh\necho 'error: no' >&2\nexit 1\n")
    with pytest.raises(KubectlFailed, match="kubectl get pods: error: no"):
        handle.kubectl("get", "pods")
    assert handle.kubectl("get", "pods", check=False).code == 1


def test_objects_are_applied_as_json_and_several_as_a_list(handle: Cluster) -> None:
    assert json.loads(handle.apply({"kind": "Secret"}).out.splitlines()[-1]) == {"kind": "Secret"}
    assert json.loads(handle.apply([{"kind": "Secret"}]).out.splitlines()[-1])["items"] == [{"kind": "Secret"}]
    assert handle.apply("kind: Secret", "--server-side").out.splitlines()[2:] == [
        "apply",
        "--server-side",
        "-f",
        "-",
        "kind: Secret",
    ]


def test_the_way_to_the_api_server_goes_before_every_program(handle: Cluster) -> None:
    handle.reach = ("env", "REACHED=yes")
    (handle.binaries / "kubectl").write_text('#!/bin/sh\necho "$REACHED"\n')
    assert handle.kubectl("get").out == "yes\n"


def test_a_saved_handle_is_loaded_as_it_was(handle: Cluster) -> None:
    handle.reach, handle.loading = ("nsenter", "--"), ("ctr", "import")
    handle.save()
    assert cluster.load(handle.folder) == handle


def test_what_was_started_last_is_stopped_first_and_once(handle: Cluster) -> None:
    stopped: list[str] = []
    handle.stopping += [lambda: stopped.append("etcd"), lambda: stopped.append("kube-apiserver")]
    handle.stop()
    handle.stop()
    assert stopped == ["kube-apiserver", "etcd"]


def test_a_tier_without_nodes_of_ours_takes_no_image(handle: Cluster, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="only pulled by them"):
        handle.load_image(tmp_path / "image.tar")


def test_logs_and_etcd_s_files_are_found_for_the_leak_search(handle: Cluster) -> None:
    for name in ("etcd/member/wal/0.wal", "etcd.log", "volumes/webhook.log"):
        (handle.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (handle.folder / name).touch()
    assert handle.etcd_files() == [handle.folder / "etcd/member/wal/0.wal"]
    assert handle.logs() == [handle.folder / "etcd.log", handle.folder / "volumes/webhook.log"]
