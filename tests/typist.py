"""Types what the documents print, as a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.documents import REPOSITORY, assignment
from tests.kube.waiting import wait


class Typist:
    """A shell in the repository's folder, with `commands` first on PATH; what is redirected goes into `folder`.

    From there a later command reads it, by the name that is printed.
    """

    def __init__(self, commands: Path, folder: Path) -> None:
        self._folder = folder
        path = os.pathsep.join([str(commands), os.environ["PATH"]])
        self._written: set[str] = set()
        self._environment = {**os.environ, "PATH": path, "KEY": "sk-ant-0123456789", "KUBERC": "off"}

    def type(self, command: str) -> str:
        """What the command prints; ``NAME=$(…)`` is remembered for all that follow. Fails unless it ends with 0."""
        if assigned := assignment(command):
            name, inner = assigned
            self._environment[name] = self.type(inner).strip()
            return ""
        self._written |= set(re.findall(r"> (\S+)", command))
        words = [f"{self._folder}/{word}" if word in self._written else word for word in command.split(" ")]
        argv = ["bash", "-e", "-o", "pipefail", "-c", " ".join(words)]
        done = subprocess.run(argv, cwd=REPOSITORY, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, request: str) -> Any:
        """What a command that is a request to the API is answered with, once it knows a new key and a new home."""

        def answer() -> Any:
            found = json.loads(self.type(request))
            assert "error" not in found, found["error"]
            return found

        return wait(answer, f"an answer to {request}", timeout=20)
