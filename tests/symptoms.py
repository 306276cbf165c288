"""The symptoms of docs/troubleshooting.md: each heading with the texts that a user sees."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs/troubleshooting.md"

_SYMPTOM = re.compile(r"^### (.+)\n((?:(?!^#).*\n)*)", re.MULTILINE)
_TEXT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"<\w+>")


def symptoms() -> dict[str, list[str]]:
    """The lines that are shown under each heading."""
    found = _SYMPTOM.findall(DOCUMENT.read_text())
    return {heading: [line for text in _TEXT.findall(under) for line in text.splitlines()] for heading, under in found}


def shown(symptom: str, said: str) -> None:
    """What was said is what the document shows for this symptom; ``<word>`` there stands for anything."""
    for line in symptoms()[symptom]:
        pattern = ".+".join(map(re.escape, _PLACE.split(line)))
        assert re.search(pattern, " ".join(said.split())), f"{symptom}: not {line!r}, but {said!r}"
