"""The long-running processes. Each is told what it needs by environment variables (``runtimeenv.settings``)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

import click

from runtimeenv.cli import logs
from runtimeenv.errors import Invalid
from runtimeenv.settings import Settings

WRONG_SETTING: Final = 2
FAILED: Final = 1

log = logging.getLogger(__name__)


@click.command()
def controller() -> None:
    """Encrypt variables and materialize environments; one replica is active."""
    sys.exit(_run("runtimeenv.controller.run"))


@click.command()
def webhook() -> None:
    """Seal variables and inject pods at admission; every replica is active."""
    sys.exit(_run("runtimeenv.webhook.run"))


@click.command()
def api() -> None:
    """Answer the REST API over variables; every replica is active."""
    sys.exit(_run("runtimeenv.api.run"))


def _run(module: str) -> int:
    """Run a process to its end; its exit code. What it did not expect is logged without any value."""
    try:
        settings = Settings.read(os.environ)
    except Invalid as error:
        click.echo(f"Error: {error}", err=True)
        return WRONG_SETTING
    logs.configure(settings.log_level)
    try:
        run: Callable[[Settings], int] = import_module(module).run
        return run(settings)
    except Exception:
        log.critical("stopped by a failure", exc_info=True)
        return FAILED
