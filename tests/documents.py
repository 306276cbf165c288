"""The commands that the documents print: every line of a fenced `sh` block, continuation lines joined."""

import re
import shlex
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = (
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "charts/runtime-env/README.md",
)
EXAMPLES = sorted((REPOSITORY / "deploy/examples").glob("*.yaml"))

_ASSIGNMENT = re.compile(r"([A-Z_]+)=\$\((.*)\)")
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(document: Path) -> list[str]:
    """Whole command lines, in order."""
    return _commands(document.read_text())


def removal() -> list[str]:
    """What removes everything: the one section of which not every test can type the commands."""
    return section("Uninstall")


def removal_without_helm() -> list[str]:
    """What removes an operator that was installed without Helm, and keeps variables and keys."""
    return section("Without Helm", "charts/runtime-env/README.md")


def section(heading: str, document: str = "docs/operations.md") -> list[str]:
    """The commands of one section of a document."""
    text = (REPOSITORY / document).read_text()
    return _commands(text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0])


def _commands(text: str) -> list[str]:
    blocks = _BLOCK.findall(text)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def programs(command: str) -> list[list[str]]:
    """The words of each program of a pipeline, without redirections, assignments and a last ``&``."""
    assigned = assignment(command)
    line = assigned[1] if assigned else command.removesuffix(" &")
    return [shlex.split(part.partition(" > ")[0]) for part in line.split(" | ")]


def assignment(command: str) -> tuple[str, str] | None:
    """``NAME=$(command)`` as the name and the command; None for any other line."""
    found = _ASSIGNMENT.fullmatch(command)
    return (found[1], found[2]) if found else None
