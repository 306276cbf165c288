"""``runtimeenv apikey create | list | revoke | rotate``: who may use the REST API (design §8)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

import click
from click.decorators import FC

from runtimeenv.api.key_records import DESCRIPTION_LIMIT, ROLES, KeyRecord, Role
from runtimeenv.cli import moments
from runtimeenv.cli.key_listing import as_json, moment, ordered, shown, table
from runtimeenv.cli.key_store import KeyStore
from runtimeenv.core.identity import SCOPE_KINDS, ScopeKind, parse_id
from runtimeenv.crypto.api_keys import ApiKey, is_key_id
from runtimeenv.errors import Invalid, Rejected

R = TypeVar("R")
Printed = Literal["text", "json"]


def _cluster_options(command: FC) -> FC:
    for_context = click.option("--context", help="Context of the kubeconfig; its current one by default.")
    for_system = click.option(
        "--system-namespace", default="runtime-env-system", show_default=True, help="The operator's namespace."
    )
    return for_context(for_system(command))


def _output(*forms: str) -> Callable[[FC], FC]:
    return click.option("--output", "-o", type=click.Choice(forms), default=forms[0], show_default=True)


@click.group("apikey")
def apikey() -> None:
    """Issue, list, revoke and rotate the keys of the REST API."""


@apikey.command("create")
@click.option("--tenant", required=True, help="The tenant whose variables the key is for.")
@click.option("--role", type=click.Choice(ROLES), default="read", show_default=True, help="write may read, too.")
@click.option("--expires", help="When it ends: 90d, 12h, or a date (2027-01-31); never by default.")
@click.option("--scope", "scopes", type=click.Choice(SCOPE_KINDS), multiple=True, help="Limit it to this scope.")
@click.option("--workspace", "workspaces", multiple=True, help="Limit it to this workspace.")
@click.option("--project", "projects", multiple=True, help="Limit it to this project.")
@click.option("--description", default="", help="What it is for; shown in the list.")
@_output("text", "json")
@_cluster_options
def create(  # noqa: PLR0913 - one parameter an option
    *,
    tenant: str,
    role: Role,
    expires: str | None,
    scopes: tuple[ScopeKind, ...],
    workspaces: tuple[str, ...],
    projects: tuple[str, ...],
    description: str,
    output: Printed,
    context: str | None,
    system_namespace: str,
) -> None:
    """Print a new key on standard output, once: only a hash of it is kept.

    --scope, --workspace and --project may be repeated. With ids and without --scope, the key reaches nothing else.
    """
    now = int(time.time())
    record = KeyRecord(
        hash="",
        tenant=parse_id("--tenant", tenant),
        role=role,
        created=now,
        expires=moments.end("--expires", expires, now) if expires is not None else 0,
        scopes=tuple(dict.fromkeys(scopes)),
        workspaces=_ids("workspace", workspaces, scopes),
        projects=_ids("project", projects, scopes),
        description=_described(description),
    )
    warning, key = _in_cluster(context, system_namespace, lambda store: _created(store, record))
    _print(key, record, output)
    if warning:
        click.echo(f"Warning: {warning}", err=True)


@apikey.command("list")
@click.option("--tenant", help="Only this tenant's.")
@_output("table", "json")
@_cluster_options
def list_keys(
    *, tenant: str | None, output: Literal["table", "json"], context: str | None, system_namespace: str
) -> None:
    """Show the keys, by tenant; a key that has ended stays for 90 days."""
    stored = _in_cluster(context, system_namespace, lambda store: store.read())
    keys = ordered(stored.records, tenant, time.time())
    if output == "json":
        click.echo(as_json(keys))
    elif keys:
        click.echo(table(keys))
    else:
        click.echo("No API keys. Make one: runtimeenv apikey create --tenant TENANT", err=True)
    if stored.unread:
        click.echo(f"Warning: {len(stored.unread)} entries of the Secret are no keys of this release.", err=True)


@apikey.command("revoke")
@click.argument("key_ids", metavar="ID...", nargs=-1, required=True)
@_cluster_options
def revoke(*, key_ids: tuple[str, ...], context: str | None, system_namespace: str) -> None:
    """End keys; every replica of the API refuses them within 5 seconds."""
    ids = tuple(_bare(text) for text in key_ids)
    revoked = _in_cluster(context, system_namespace, lambda store: store.revoke(ids, int(time.time())))
    for key_id in dict.fromkeys(ids):
        click.echo(f"{key_id} {'revoked' if key_id in revoked else 'had ended already'}")


@apikey.command("rotate")
@click.argument("key_id", metavar="ID")
@click.option("--overlap", default="24h", show_default=True, help="How long the old key still works: 30m, 7d; 0: not.")
@_output("text", "json")
@_cluster_options
def rotate(*, key_id: str, overlap: str, output: Printed, context: str | None, system_namespace: str) -> None:
    """Print a new key with the rights of an old one, which ends after --overlap."""
    old, now, seconds = _bare(key_id), int(time.time()), moments.duration("--overlap", overlap)
    key, record, ending = _in_cluster(context, system_namespace, lambda store: store.rotate(old, now, seconds))
    _print(key, record, output)
    click.echo(f"Key {old} ends at {moment(ending.end)}.", err=True)


async def _created(store: KeyStore, record: KeyRecord) -> tuple[str, ApiKey]:
    """A warning or "", and the key. Nothing fails once the key is made: it would be lost."""
    try:
        enrolled = await store.is_enrolled(record.tenant)
    except Rejected:
        warning = "not allowed to list namespaces, so it is not known whether the tenant has any."
    else:
        warning = (
            "" if enrolled else f"no namespace is enrolled under tenant {record.tenant}: the key is refused until then."
        )
    return warning, await store.create(record)


def _print(key: ApiKey, record: KeyRecord, output: Printed) -> None:
    facts = {"key": key.reveal(), **shown(key.id, record, record.created)}
    click.echo(as_json(facts) if output == "json" else facts["key"])
    until = f" until {facts['expires']}" if facts["expires"] else ""
    click.echo(
        f"Key {key.id} ({record.role}) of tenant {record.tenant}{until}: keep it now, it is not shown again.", err=True
    )


def _in_cluster(context: str | None, system: str, work: Callable[[KeyStore], Awaitable[R]]) -> R:
    # Imported here: a verb's --help needs no client, which takes longer to import than all else together.
    from runtimeenv.cluster.client import connect  # noqa: PLC0415

    async def run() -> R:
        async with connect(context) as cluster:
            return await work(KeyStore(cluster, system))

    return asyncio.run(run())


def _bare(text: str) -> str:
    """A key's id, of a whole key too; raises Invalid, without the text, which may be most of a key."""
    parts = text.split("_")
    key_id = parts[2] if len(parts) == 5 else text
    if not is_key_id(key_id):
        raise Invalid("ID", "must be the 16 characters between msk_live_ and the next _: `runtimeenv apikey list`")
    return key_id


def _ids(kind: ScopeKind, ids: Sequence[str], scopes: Sequence[ScopeKind]) -> tuple[str, ...]:
    if ids and scopes and kind not in scopes:
        raise Invalid(f"--{kind}", f"has no effect without --scope {kind}: add that, or leave out --scope")
    return tuple(dict.fromkeys(parse_id(f"--{kind}", name) for name in ids))


def _described(text: str) -> str:
    if len(text) > DESCRIPTION_LIMIT or not text.isprintable():
        raise Invalid("--description", f"give at most {DESCRIPTION_LIMIT} printable characters on one line")
    return text
