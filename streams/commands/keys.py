"""``memberpulse keys``: who may use the HTTP API."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from streams.access.caller import Scope
from streams.access.keys import KeyRecord, new_key
from streams.access.keys_file import KeysFileError, change_keys, keys_path, read_keys
from streams.commands.output import notes, results
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode

keys = typer.Typer(
    name="keys",
    help="API keys: make one, see all, take one back. Only hashes are kept.",
    no_args_is_help=True,
)

_EXAMPLE: Final = "Example: memberpulse keys create till-1 --scope lookup --scope preview --shop s-1 --days 365"


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.add_typer(keys)


@keys.command(epilog=_EXAMPLE)
def create(
    name: Annotated[str, typer.Argument(help="whose key it is; it appears in the audit", show_default=False)],
    *,
    scope: Annotated[list[Scope], typer.Option(help="what it may do; may be given several times", show_default=False)],
    shop: Annotated[
        list[str] | None,
        typer.Option(help="the only shop whose members and events it may see; may be given several times"),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="how long it opens anything")] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="the most requests a second; access.requests_per_second unless given")
    ] = None,
) -> None:
    """Make a key and print it: this once, since only its SHA-256 is kept."""
    settings, now = resolved_settings(), _now()
    try:
        made = new_key(
            name,
            sorted(set(scope)),
            now=now,
            shops=sorted(set(shop)) if shop else None,
            per_second=rate,
            expires_at=None if days is None else now + timedelta(days=days),
        )
    except msgspec.ValidationError as error:
        raise CommandError(
            f"{name!r} is no name for a key",
            ExitCode.USAGE,
            allowed="up to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit",
        ) from error

    def added(present: list[KeyRecord]) -> list[KeyRecord]:
        if any(key.name == name and key.state(now) == "live" for key in present):
            raise CommandError(
                f"there is a live key of the name {name!r}",
                ExitCode.USAGE,
                remedy=f"choose another name, or revoke it first: memberpulse keys revoke {name}",
            )
        return [*present, made.record]

    _change(settings, added)
    notes().print(
        "this is the only time that the key is shown; send it as the header 'Authorization: Bearer <key>'\n"
        f"its hash is kept in {keys_path(settings).absolute()}; API processes that read this file take the key a "
        "second later",
        markup=False,
    )
    results().print(made.text, markup=False)


@keys.command(name="list", epilog="Example: memberpulse keys list")
def list_keys() -> None:
    """All keys that were ever made, without their secrets; revoked ones explain old audit records."""
    settings, now = resolved_settings(), _now()
    try:
        present = read_keys(keys_path(settings))
    except KeysFileError as error:
        raise _unusable(error) from error
    table = Table("id", "name", "state", "scopes", "shops", "rate", "made", "expires", box=None, pad_edge=False)
    for key in present or []:
        table.add_row(
            key.id,
            key.name,
            key.state(now),
            " ".join(key.scopes),
            "all" if key.shops is None else " ".join(key.shops),
            f"{key.per_second or settings.access.requests_per_second}/s",
            _day(key.created_at),
            "never" if key.expires_at is None else _day(key.expires_at),
        )
    results().print(table)
    if present is None:
        where = f"there is no {keys_path(settings).absolute()}"
        notes().print(f"no key was ever made ({where}): the API answers on loopback only, to everybody", markup=False)


@keys.command(epilog="Example: memberpulse keys revoke till-1")
def revoke(
    name_or_id: Annotated[str, typer.Argument(metavar="NAME|ID", help="which key", show_default=False)],
) -> None:
    """Take a key back: a second later every API process that reads this file refuses it."""
    settings, now = resolved_settings(), _now()

    def without(present: list[KeyRecord]) -> list[KeyRecord]:
        meant = {key.id for key in present if name_or_id in {key.id, key.name} and key.revoked_at is None}
        if not meant:
            raise CommandError(
                f"there is no key {name_or_id!r} that could be revoked",
                ExitCode.NO_INPUT,
                where=str(keys_path(settings).absolute()),
                remedy="'memberpulse keys list' shows names and ids",
            )
        return [msgspec.structs.replace(key, revoked_at=now) if key.id in meant else key for key in present]

    _change(settings, without)
    results().print(f"{name_or_id} is revoked; running API processes refuse it within a second or two", markup=False)


def _change(settings: Settings, change: Callable[[list[KeyRecord]], list[KeyRecord]]) -> None:
    try:
        change_keys(keys_path(settings), change)
    except KeysFileError as error:
        raise _unusable(error) from error


def _unusable(error: KeysFileError) -> CommandError:
    return CommandError(str(error), ExitCode.CONFIG, where="setting access.keys_file (MEMBERPULSE_ACCESS__KEYS_FILE)")


def _now() -> datetime:
    return datetime.fromtimestamp(int(time.time()), UTC)


def _day(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d")
