"""Folders of clusters: who keeps them, and what becomes of those that nobody keeps."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.kube import state

CLAIM_AND_DIE = """
import os, signal
from tests.kube import state
print(state.claim("dead").folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_claimed_folder_is_kept_and_a_released_one_is_gone() -> None:
    claim = state.claim("tier")
    assert state.is_kept(claim.folder)
    assert state.sweep() == []
    claim.release()
    assert not claim.folder.exists()
    assert not state.is_kept(claim.folder)


def test_the_next_claim_removes_what_a_killed_process_left() -> None:
    died = subprocess.run([sys.executable, "-c", CLAIM_AND_DIE], capture_output=True, text=True, check=False)
    left = Path(died.stdout.strip())
    assert left.is_dir()
    state.claim("tier").release()
    assert not left.exists()


def test_a_folder_stays_for_as_long_as_one_of_its_keepers() -> None:
    first = state.claim("tier")
    second = state.join(first.folder)
    assert second is not None
    first.release()
    assert state.is_kept(second.folder)
    second.release()
    assert not second.folder.exists()


def test_a_folder_that_is_gone_can_t_be_joined(tmp_path: Path) -> None:
    assert state.join(tmp_path / "missing") is None


def test_a_name_that_is_kept_can_t_be_claimed_again() -> None:
    claim = state.claim_named("demo")
    with pytest.raises(FileExistsError):
        state.claim_named("demo")
    claim.release()
    state.claim_named("demo").release()


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / f"runtime-env-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="remove it, or set TMPDIR"):
        state.claim("tier")


def test_a_link_to_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"runtime-env-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError):
        state.claim("tier")
