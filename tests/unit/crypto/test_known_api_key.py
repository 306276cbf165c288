from __future__ import annotations

import json
from pathlib import Path

from runtimeenv.crypto.api_keys import ApiKey

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/apikey.json").read_text())


def test_the_known_key_is_read_and_hashed_for_ever() -> None:
    key = ApiKey.parse(GOLDEN["text"])
    assert (key.id, key.reveal()) == (GOLDEN["id"], GOLDEN["text"])
    assert key.hashed(bytes.fromhex(GOLDEN["hash_key"])).hex() == GOLDEN["record"]["hash"]
