"""Prints a step, runs its commands in a shell, and prints what they print."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path


class CommandFailed(Exception):
    """A command of the demo ended with another code than 0; its output is on the screen."""


class Narrator:
    """Runs commands in `folder`, with `commands` first on PATH."""

    def __init__(self, folder: Path, commands: Path) -> None:
        self._folder = folder
        path = os.pathsep.join([str(commands), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "KUBERC": "off"}
        self._step = 0
        self._colour = sys.stdout.isatty()

    def step(self, title: str, why: str = "") -> None:
        """The heading of a step, and a sentence under it."""
        self._step += 1
        print(self._styled("1", f"\n{self._step}. {title}"))
        if why:
            print(textwrap.fill(why, 100))

    def run(self, command: str) -> str:
        """Shows and runs a command as a user would type it. Raises CommandFailed unless it ends with 0."""
        done = self._ran(command, command, subprocess.STDOUT)
        self._show(done.stdout)
        return done.stdout

    def remember(self, name: str, command: str) -> None:
        """Shows and runs a command whose output becomes a variable of the shell for all that follow."""
        done = self._ran(f"{name}=$({command})", command, subprocess.PIPE)
        self._show(done.stderr)
        self._environment[name] = done.stdout.strip()

    def _ran(self, shown: str, command: str, stderr: int) -> "subprocess.CompletedProcess[str]":
        print(self._styled("36", textwrap.indent(shown, "  ", lambda _: True).replace("  ", "$ ", 1)), flush=True)
        argv = ["bash", "-o", "pipefail", "-c", command]
        done = subprocess.run(
            argv,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            self._show(f"{done.stdout}{done.stderr or ''}")
            raise CommandFailed(f"ended with {done.returncode}: {command}")
        return done

    def _show(self, printed: str) -> None:
        print(textwrap.indent(printed.rstrip("\n"), "    "), flush=True)

    def _styled(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
