"""Every symptom in the document is produced by a test of a real cluster."""

import re
from pathlib import Path

from tests.symptoms import symptoms

TESTS = Path(__file__).parents[1]
WITHOUT_TEXT = {"KeyUnavailable"}  # no variable can show it while the key is a Secret that is read at the start


def test_every_symptom_is_produced_and_every_produced_one_is_told() -> None:
    sources = [path.read_text() for tier in ("cluster", "node") for path in (TESTS / tier).glob("test_*.py")]
    produced = {found for source in sources for found in re.findall(r'(?:shown|says)\((?:started, )?"([^"]+)"', source)}
    assert produced == {symptom for symptom, lines in symptoms().items() if lines}


def test_only_a_reason_that_cannot_occur_has_no_text() -> None:
    assert {symptom for symptom, lines in symptoms().items() if not lines} == WITHOUT_TEXT
