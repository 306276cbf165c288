"""The entry point of every process and command. A verb's module is imported only when the verb is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

from runtimeenv import __version__
from runtimeenv.errors import RuntimeEnvError

VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "controller": "runtimeenv.cli.processes:controller",
        "webhook": "runtimeenv.cli.processes:webhook",
        "api": "runtimeenv.cli.processes:api",
        "seal": "runtimeenv.cli.sealing:seal_command",
        "public-key": "runtimeenv.cli.sealing:public_key",
        "apikey": "runtimeenv.cli.apikeys:apikey",
        "version": "runtimeenv.cli.main:version",
    }
)


class Verbs(click.Group):
    """A group that knows its verbs by name, and turns our own failures into one sentence on standard error."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The verbs in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Import the verb's module; None for an unknown verb."""
        if name not in VERBS:
            return None
        module, attribute = VERBS[name].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, context: click.Context) -> object:
        """Run the verb. A RuntimeEnvError ends it with its sentence and exit code 1."""
        try:
            return super().invoke(context)
        except RuntimeEnvError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def main() -> None:
    """Environment variables for AI sandboxes, computers and agents on Kubernetes."""


@click.command()
def version() -> None:
    """Print this program's version."""
    click.echo(__version__)
