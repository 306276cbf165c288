"""``runtimeenv apikey create | list | revoke | rotate``: who may use the REST API (design §8)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import click
import msgspec
from click.decorators import FC

from runtimeenv.api.key_records import ROLES, KeyRecord, Role
from runtimeenv.cli.key_store import KeyStore
from runtimeenv.core.conditions import timestamp
from runtimeenv.core.identity import SCOPE_KINDS, ScopeKind, parse_id
from runtimeenv.crypto.api_keys import ApiKey
from runtimeenv.errors import Invalid

R = TypeVar("R")

UNITS: Final = {"m": 60, "h": 3600, "d": 86400}
COLUMNS: Final = ("ID", "TENANT", "ROLE", "REACH", "CREATED", "EXPIRES", "STATUS", "DESCRIPTION")
DESCRIPTION_LIMIT: Final = 200

_DURATION = re.compile(r"([0-9]{1,6})([mhd])")


def _cluster_options(command: FC) -> FC:
    for_context = click.option("--context", help="Context of the kubeconfig; its current one by default.")
    for_system = click.option(
        "--system-namespace", default="runtime-env-system", show_default=True, help="The operator's namespace."
    )
    return for_context(for_system(command))


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
        expires=_moment(expires, now),
        scopes=scopes,
        workspaces=tuple(parse_id("--workspace", name) for name in workspaces),
        projects=tuple(parse_id("--project", name) for name in projects),
        description=_described(description),
    )

    async def made(store: KeyStore) -> tuple[ApiKey, bool]:
        return await store.create(record), await store.is_enrolled(tenant)

    key, enrolled = _in_cluster(context, system_namespace, made)
    click.echo(key.reveal())
    click.echo(f"Key {key.id} of tenant {tenant}: keep it now, it is not shown again.", err=True)
    if not enrolled:
        click.echo(f"Warning: no namespace is enrolled under tenant {tenant} yet.", err=True)


@apikey.command("list")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_cluster_options
def list_keys(
    *, tenant: str | None, output: Literal["table", "json"], context: str | None, system_namespace: str
) -> None:
    """Show the keys, by tenant; a key that has ended stays for 90 days."""
    records = _in_cluster(context, system_namespace, lambda store: store.read())
    found = {key_id: record for key_id, record in records.items() if tenant in (None, record.tenant)}
    ordered = sorted(found.items(), key=lambda entry: (entry[1].tenant, entry[1].created, entry[0]))
    now = time.time()
    if output == "json":
        shown = [_shown(key_id, record, now) for key_id, record in ordered]
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    elif ordered:
        click.echo(_table([COLUMNS, *(_row(_shown(key_id, record, now)) for key_id, record in ordered)]))
    else:
        click.echo("No API keys. Make one: runtimeenv apikey create --tenant TENANT", err=True)


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
@click.option("--overlap", default="24h", show_default=True, help="How long the old key still works: 30m, 24h, 7d, 0m.")
@_cluster_options
def rotate(*, key_id: str, overlap: str, context: str | None, system_namespace: str) -> None:
    """Print a new key with the rights of an old one, which ends after --overlap."""
    old, now, seconds = _bare(key_id), int(time.time()), _seconds("--overlap", overlap)
    key, record = _in_cluster(context, system_namespace, lambda store: store.rotate(old, now, seconds))
    click.echo(key.reveal())
    click.echo(f"Key {key.id} of tenant {record.tenant}: keep it now, it is not shown again.", err=True)
    click.echo(f"Key {old} ends at {_time(record.expires)}.", err=True)


def _in_cluster(context: str | None, system: str, work: Callable[[KeyStore], Awaitable[R]]) -> R:
    # Imported here: a verb's --help needs no client, which takes longer to import than all else together.
    from runtimeenv.cluster.client import connect  # noqa: PLC0415

    async def run() -> R:
        async with connect(context) as cluster:
            return await work(KeyStore(cluster, system))

    return asyncio.run(run())


def _bare(text: str) -> str:
    """A key's id; of a whole key that somebody pastes, nothing else is kept."""
    parts = text.split("_")
    return parts[2] if len(parts) == 5 else text


def _moment(text: str | None, now: int) -> int:
    """Seconds since 1970 of a duration from now, or of a date's beginning in UTC; 0 without one."""
    if text is None:
        return 0
    if _DURATION.fullmatch(text):
        moment = now + _seconds("--expires", text)
    else:
        try:
            moment = int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
        except ValueError:
            raise Invalid("--expires", "give a duration (90d, 12h, 30m) or a date (2027-01-31)") from None
    if moment <= now:
        raise Invalid("--expires", "is not in the future")
    return moment


def _seconds(option: str, text: str) -> int:
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise Invalid(option, "give a duration: 30m, 24h, 7d")
    return int(parts[1]) * UNITS[parts[2]]


def _described(text: str) -> str:
    if len(text) > DESCRIPTION_LIMIT or not text.isprintable():
        raise Invalid("--description", f"give at most {DESCRIPTION_LIMIT} printable characters on one line")
    return text


def _shown(key_id: str, record: KeyRecord, now: float) -> dict[str, Any]:
    """All but the hash."""
    return {
        "id": key_id,
        "tenant": record.tenant,
        "role": record.role,
        "scopes": sorted(record.reach),
        "workspaces": record.workspaces,
        "projects": record.projects,
        "created": _time(record.created),
        "expires": _time(record.expires) if record.expires else None,
        "status": "Revoked" if record.revoked else "Expired" if record.ended(now) else "Active",
        "description": record.description,
    }


def _row(shown: Mapping[str, Any]) -> tuple[str, ...]:
    ids = {"workspace": shown["workspaces"], "project": shown["projects"]}
    reach = ",".join(
        f"{kind}={'|'.join(ids[kind])}" if ids.get(kind) else kind for kind in SCOPE_KINDS if kind in shown["scopes"]
    )
    all_of_it = len(shown["scopes"]) == len(SCOPE_KINDS) and not any(ids.values())
    return (
        shown["id"],
        shown["tenant"],
        shown["role"],
        "all" if all_of_it else reach,
        shown["created"],
        shown["expires"] or "never",
        shown["status"],
        shown["description"],
    )


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _time(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
