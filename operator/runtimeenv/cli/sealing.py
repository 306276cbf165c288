"""``runtimeenv seal`` and ``public-key``: sealing on a user's own machine, before a value goes anywhere."""

from __future__ import annotations

import asyncio
import math
import sys
from getpass import getpass
from pathlib import Path
from typing import Final, Literal

import click
import yaml
from click.decorators import FC

from runtimeenv.core.identity import (
    SCOPE_KINDS,
    TARGETS,
    Identity,
    Layer,
    Scope,
    parse_id,
    parse_name,
    parse_target,
    scope_fields,
    scope_of,
)
from runtimeenv.core.names import API_VERSION
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.core.values import VALUE_LIMIT, Plaintext
from runtimeenv.crypto.seal import SealedValue, SealingKey, seal
from runtimeenv.errors import Denied, Invalid

OPTIONS: Final = {"scope": "--scope", "workspaceId": "--workspace", "projectId": "--project"}
INPUT: Final = "standard input"
KEY_FILE_LIMIT: Final = 16 * 1024


def _key_options(command: FC) -> FC:
    """The options that say which public key."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for_context = click.option("--context", help="Context of the kubeconfig; its current one by default.")
    for_system = click.option(
        "--system-namespace", default="runtime-env-system", show_default=True, help="The operator's namespace."
    )
    for_fingerprint = click.option("--fingerprint", help="SHA256:…; refuse any other public key.")
    for_file = click.option(
        "--public-key", "key_file", type=file, help="File with the public key; read from the cluster by default."
    )
    return for_file(for_fingerprint(for_system(for_context(command))))


@click.command("seal")
@click.option("--name", required=True, help="The variable's NAME in the environment.")
@click.option("--tenant", help="Tenant id; read from --namespace's labels by default.")
@click.option("--namespace", "-n", help="Namespace that the variable will be in.")
@click.option("--scope", type=click.Choice(SCOPE_KINDS), help="Follows from --workspace or --project by default.")
@click.option("--workspace", help="Workspace id, for scope workspace.")
@click.option("--project", help="Project id, for scope project.")
@click.option("--target", type=click.Choice(TARGETS), default="all", show_default=True)
@click.option("--raw", is_flag=True, help="Keep a newline at the end of the value.")
@click.option("--output", "-o", type=click.Choice(["text", "yaml"]), default="text", show_default=True)
@_key_options
def seal_command(  # noqa: PLR0913 - one parameter an option
    *,
    name: str,
    tenant: str | None,
    namespace: str | None,
    scope: str | None,
    workspace: str | None,
    project: str | None,
    target: str,
    raw: bool,
    output: Literal["text", "yaml"],
    context: str | None,
    system_namespace: str,
    fingerprint: str | None,
    key_file: Path | None,
) -> None:
    """Seal a value, read from standard input, for one variable.

    The text opens only as this tenant, scope, target and NAME, in the cluster whose public key it is; it is safe in
    Git. With --tenant and --public-key no cluster is needed.
    """
    reach = _scope(_tenancy(tenant, namespace, context), scope, workspace, project)
    identity = Identity(Layer(reach, parse_target("--target", target)), parse_name("--name", name))
    key = _sealing_key(key_file, context, system_namespace, fingerprint)
    sealed = seal(_value(keeps_newline=raw), identity, key)
    click.echo(str(sealed) if output == "text" else _manifest(sealed, identity, namespace), nl=output == "text")


@click.command("public-key")
@_key_options
def public_key(*, context: str | None, system_namespace: str, fingerprint: str | None, key_file: Path | None) -> None:
    """Print the public key, and on standard error its fingerprint."""
    key = _sealing_key(key_file, context, system_namespace, fingerprint)
    click.echo(str(key))
    click.echo(f"fingerprint: {key.fingerprint}", err=True)


def _tenancy(tenant: str | None, namespace: str | None, context: str | None) -> Enrolment:
    """Whose the variable is: as the namespace's labels say, or as the user does, whom the controller will check."""
    if tenant is not None:
        return Enrolment(parse_id("--tenant", tenant))
    if namespace is None:
        raise Invalid("--tenant", "give it, or give the --namespace of the variable, whose labels tell it")
    # Imported here: sealing offline needs no client, which takes longer to import than all else together.
    from runtimeenv.cli.published import fetch_enrolment  # noqa: PLC0415

    return asyncio.run(fetch_enrolment(context, namespace))


def _scope(enrolled: Enrolment, kind: str | None, workspace: str | None, project: str | None) -> Scope:
    implied = "workspace" if workspace else "project" if project else "tenant"
    try:
        scope = scope_of(kind or implied, enrolled.tenant, workspace, project)
    except Invalid as error:
        raise Invalid(OPTIONS[error.field], error.message) from None
    if not enrolled.admits(scope):
        raise Denied(f"the namespace may define {enrolled.defines} only")
    return scope


def _sealing_key(file: Path | None, context: str | None, system: str, fingerprint: str | None) -> SealingKey:
    if file is not None:
        key = SealingKey.parse(_text(file))
    else:
        from runtimeenv.cli.published import fetch_sealing_key  # noqa: PLC0415

        key = asyncio.run(fetch_sealing_key(context, system))
    if fingerprint is not None and fingerprint != key.fingerprint:
        raise Denied(f"the public key has fingerprint {key.fingerprint}, not the one of --fingerprint: do not use it")
    return key


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(KEY_FILE_LIMIT).decode("ascii", "replace")


def _value(*, keeps_newline: bool) -> Plaintext:
    """The value from standard input, or typed unseen; it is never an argument, which other users could list."""
    if sys.stdin.isatty():
        return Plaintext.parse(getpass("Value (not shown): "), INPUT)
    raw = sys.stdin.buffer.read(VALUE_LIMIT + 2)  # one newline, and one byte more to tell that it is too long
    return Plaintext.from_bytes(raw if keeps_newline else raw.removesuffix(b"\n"), INPUT)


def _manifest(sealed: SealedValue, identity: Identity, namespace: str | None) -> str:
    kind, _, workspace, project = scope_fields(identity.layer.scope)
    name = identity.name.lower().replace("_", "-").strip("-") or "variable"
    fields = {
        "scope": kind,
        "workspaceId": workspace,
        "projectId": project,
        "target": identity.layer.target,
        "name": identity.name,
        "sealedValue": str(sealed),
    }
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "RuntimeEnvVar",
        "metadata": {"name": name, "namespace": namespace} if namespace else {"name": name},
        "spec": {field: text for field, text in fields.items() if text},
    }
    return yaml.safe_dump(manifest, sort_keys=False, width=math.inf)
