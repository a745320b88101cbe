"""``memberpulse deliver``: outcomes to webhook endpoints."""

import asyncio
import signal
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import orjson
import typer
from rich.table import Table

from scoring.calendar import instant_of
from streams.commands import undelivered
from streams.commands.actor import Actor, named
from streams.commands.endpoints import Name, endpoint_of, endpoints_of, file_of
from streams.commands.output import log_to_stderr, results
from streams.commands.progress import left
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.instants import instant_text

if TYPE_CHECKING:  # what these import takes longer than most verbs
    from streams.webhooks.operator import EndpointStatus


def register(app: typer.Typer) -> None:
    """Add the verb and what it can do."""
    verbs = typer.Typer(
        invoke_without_command=True,
        help="Bring outcomes to webhook endpoints until SIGTERM or Ctrl-C; see and steer that.",
        epilog="Example: MEMBERPULSE_DELIVER__ENDPOINTS_FILE=endpoints.toml memberpulse deliver",
    )
    verbs.callback()(deliver)
    verbs.command("check", epilog="Example: memberpulse deliver check")(check)
    verbs.command("test", epilog="Example: memberpulse deliver test crm")(test)
    verbs.command("status", epilog="Example: memberpulse deliver status")(show_status)
    verbs.command("enable", epilog='Example: memberpulse deliver enable crm --reason "they are back"')(enable)
    verbs.command("replay", epilog="Example: memberpulse deliver replay crm --from 2026-03-01T06:00:00Z")(replay)
    undelivered.register(verbs)
    verbs.command("secret", epilog="Example: memberpulse deliver secret > crm.secret")(secret)
    app.add_typer(verbs, name="deliver")


def deliver(context: typer.Context) -> None:
    """Bring outcomes to webhook endpoints until SIGTERM or Ctrl-C; see and steer that."""
    if context.invoked_subcommand is not None:
        return
    settings = resolved_settings()
    log_to_stderr(settings)
    from streams.until_stopped import until_stopped

    asyncio.run(until_stopped(settings, lambda stop: _deliver(settings, stop)))


def check() -> None:
    """Check the endpoints' file and the secrets it names; nothing is sent."""
    for name, endpoint in endpoints_of(resolved_settings()).items():
        results().print(f"{name}  {endpoint.shown_url}", markup=False)


def test(name: Name) -> None:
    """Send one test delivery and tell what the endpoint answered. Exit 69 when it did not accept it."""
    from streams.webhooks.attempt import AttemptFailed
    from streams.webhooks.trial import try_out

    endpoint = endpoint_of(resolved_settings(), name)
    began = time.perf_counter()
    try:
        accepted = asyncio.run(try_out(name, endpoint, time.time()))
    except AttemptFailed as failure:
        raise CommandError(
            f"{name} did not accept a test delivery: {failure}",
            ExitCode.UNAVAILABLE,
            where=endpoint.shown_url,
            remedy="correct the receiver, or the endpoint in the endpoints' file",
        ) from failure
    took = (time.perf_counter() - began) * 1000
    said = f": {accepted.said!r}" if accepted.said else ""
    results().print(f"{name} answered {accepted.status} in {took:.0f} ms{said}", markup=False)


def show_status(*, as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Show, per endpoint, its state and since when, what waits for it and whether a process delivers."""
    from streams.webhooks.operator import status

    settings = resolved_settings()
    found = status(settings, endpoints_of(settings), time.time_ns() // 1_000_000)
    if as_json:
        told = [{**asdict(each), "standing": _plain(each)} for each in found]
        results().print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode(), markup=False)
    else:
        results().print(_table(found))


def enable(name: Name, reason: Annotated[str, typer.Option(help="why")] = "", actor: Actor = None) -> None:
    """Let an endpoint that was given up (dead), or that answered 410 (gone), get outcomes again from where it was."""
    from streams.webhooks import operator

    settings = resolved_settings()
    endpoint_of(settings, name)
    operator.enable(settings, name, actor=named(actor), reason=reason, now=time.time_ns() // 1_000_000)
    results().print(f"{name} gets outcomes again, beginning with the oldest that waits", markup=False)


def replay(
    name: Name,
    since: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"], help="outcomes written since then (UTC)"),
    ],
    actor: Actor = None,
) -> None:
    """Deliver outcomes again from a time on, or pass over what waits: the deliverer begins there at its next start.

    Refused while a process delivers to the endpoint. Receivers drop what they have by webhook-id.
    """
    from streams.webhooks import operator

    settings = resolved_settings()
    endpoint = endpoint_of(settings, name)
    since_ms = instant_of(since.replace(tzinfo=UTC))
    now = time.time_ns() // 1_000_000
    count = operator.replay(settings, name, endpoint, since_ms=since_ms, actor=named(actor), now=now)
    results().print(
        f"{name} begins at {instant_text(since_ms)}: {count:,} outcomes, those included that its filters hold back",
        markup=False,
    )


def secret() -> None:
    """Print a new secret, to be kept in a file or variable here and given to the receiver."""
    from streams.webhooks.signing_secrets import new_secret

    print(new_secret())


async def _deliver(settings: Settings, stop: asyncio.Event) -> None:
    from streams.webhooks.endpoint_file import load
    from streams.webhooks.file_watch import WatchedFile
    from streams.webhooks.process import run

    hang_up = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up.set)
    file = file_of(settings)
    watched = WatchedFile(file, hang_up)
    await run(settings, load(file), stop=stop, watched=watched)


def _table(found: "list[EndpointStatus]") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("endpoint", "state", "since"):
        table.add_column(title, no_wrap=True)
    for title in ("behind", "oldest waits", "undelivered"):
        table.add_column(title, justify="right")
    for title in ("process", "why"):
        table.add_column(title)
    for each in found:
        standing = each.standing
        table.add_row(
            each.name,
            each.state,
            "" if standing is None else instant_text(standing.since_ms),
            f"{each.behind:,}",
            "" if each.waiting_seconds is None else left(each.waiting_seconds),
            f"{each.undelivered:,}",
            "delivers" if each.is_live else "none",
            "" if standing is None else standing.reason,
        )
    return table


def _plain(status: "EndpointStatus") -> object:
    return None if status.standing is None else msgspec.to_builtins(status.standing)
