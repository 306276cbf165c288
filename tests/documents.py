"""The commands that the documents print: every line of a fenced `sh` block, continuation lines joined."""

import re
import shlex
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
EXAMPLES = sorted((REPOSITORY / "deploy/examples").glob("*.yaml"))

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(document: Path) -> list[str]:
    """Whole command lines, in order."""
    blocks = _BLOCK.findall(document.read_text())
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def programs(command: str) -> list[list[str]]:
    """The words of each program of a pipeline, without redirections."""
    return [shlex.split(part.partition(" > ")[0]) for part in command.split(" | ")]
