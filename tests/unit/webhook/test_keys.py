from pathlib import Path

import pytest

from runtimeenv.errors import Invalid, KeyUnavailable
from runtimeenv.webhook.keys import Keys
from tests.unit.webhook.sealing_cases import KEYRING, OTHER_KEYRING, Sealer


def test_keys_that_were_never_mounted_are_unavailable() -> None:
    keys = Keys()
    with pytest.raises(KeyUnavailable, match="public key is not published"):
        _ = keys.sealing
    with pytest.raises(KeyUnavailable, match="compare keys are not there"):
        _ = keys.compare


def test_an_empty_folder_leaves_the_keys_as_they_are(tmp_path: Path, sealer: Sealer) -> None:
    (tmp_path / "empty").mkdir()
    for load in (sealer.keys.load_sealing, sealer.keys.load_compare):
        with pytest.raises(Invalid, match="not mounted"):
            load(tmp_path / "empty")
    assert sealer.keys.sealing == KEYRING.sealing_key()


def test_a_new_public_key_takes_the_place_of_the_old_one(sealer: Sealer) -> None:
    assert sealer.mount(OTHER_KEYRING).keys.sealing == OTHER_KEYRING.sealing_key()


@pytest.mark.parametrize("text", ["", "renvpk1.xwing.0.0", "\xff"])
def test_a_damaged_public_key_leaves_the_last_one_in_use(tmp_path: Path, sealer: Sealer, text: str) -> None:
    (tmp_path / "sealing-key").write_text(text)
    with pytest.raises(Invalid):
        sealer.keys.load_sealing(tmp_path)
    assert sealer.keys.sealing == KEYRING.sealing_key()


@pytest.mark.parametrize(("name", "raw"), [("primary", b"ffffffff"), ("primary", b"\xff"), ("0a1b2c3d", b"short")])
def test_damaged_compare_keys_leave_the_last_ones_in_use(tmp_path: Path, sealer: Sealer, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(Invalid):
        sealer.keys.load_compare(tmp_path)
    assert sealer.keys.compare.primary == "0a1b2c3d"


def test_compare_keys_are_chosen_by_id(sealer: Sealer) -> None:
    sealer.mount(primary="99999999")
    assert sealer.keys.compare.primary == "99999999"
    assert set(sealer.keys.compare.by_id) == {"0a1b2c3d", "99999999"}
