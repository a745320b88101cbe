"""``memberpulse ticks``: is time passing in the log, and who says so?"""

import time
from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer

from scoring.calendar import instant_of
from streams.commands.actor import Actor, named
from streams.commands.output import results
from streams.commands.progress import left
from streams.commands.resolve import resolved_settings
from streams.instants import instant_text
from streams.ticker import operator
from streams.ticker.operator import TickStatus

Reason = Annotated[str, typer.Option(help="why; it is kept beside your name", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the verb and what it can do."""
    verbs = typer.Typer(
        no_args_is_help=True, help="See, hold and release the ticks, which let members lapse without an event."
    )
    verbs.command("status", epilog="Example: memberpulse ticks status")(show_status)
    verbs.command("hold", epilog='Example: memberpulse ticks hold --reason "checking last night\'s import"')(hold)
    verbs.command(
        "release", epilog='Example: memberpulse ticks release --until 2026-03-01 --reason "the shop was closed"'
    )(release)
    app.add_typer(verbs, name="ticks")


def show_status(*, as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Show the last tick, what the ticker does and why, and what operators have said."""
    status = operator.status(resolved_settings())
    if as_json:
        told = {"word": _plain(status.word), "ticker": _plain(status.ticker), "last_tick_ms": status.last_tick}
        results().print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    for line in described(status, time.time_ns() // 1_000_000):
        results().print(line, markup=False)


def hold(reason: Reason, actor: Actor = None) -> None:
    """Let no tick pass from now on, until a release. Orders go on being scored; nobody lapses."""
    operator.hold(resolved_settings(), actor=named(actor), reason=reason)
    results().print("no tick passes from now on; 'memberpulse ticks release' ends this")


def release(
    reason: Reason,
    actor: Actor = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"], help="the released tick is not later than this (UTC)"),
    ] = None,
) -> None:
    """Let one tick pass, whatever holds it: an operator's hold, a jump of the clock, or more members than usual
    falling due.
    """
    until_ms = None if until is None else instant_of(until.replace(tzinfo=UTC))
    operator.release(resolved_settings(), actor=named(actor), reason=reason, until_ms=until_ms)
    results().print(
        "the next tick passes every hold" + ("" if until_ms is None else f", at {instant_text(until_ms)} at the latest")
    )


def described(status: TickStatus, now: int) -> list[str]:
    """The status as lines of text; ``now`` is epoch milliseconds."""
    lines = []
    if status.last_tick is None:
        lines.append("last tick   none yet")
    else:
        lines.append(f"last tick   {instant_text(status.last_tick)}, {left(max(now - status.last_tick, 0) / 1000)} ago")
    if status.ticker is None:
        lines.append("ticker      never started")
    else:
        lines.append(f"ticker      {status.ticker.state} since {instant_text(status.ticker.since_ms)}")
        lines += [f"            {text}" for text in (status.ticker.explanation,) if text]
    word = status.word
    if word.state == "open":
        lines.append("operators   leave it to the rules")
    else:
        until = "" if word.until_ms is None else f" until {instant_text(word.until_ms)}"
        lines.append(f"operators   {word.state}{until} by {word.actor}: {word.reason}")
    return lines


def _plain(struct: object) -> object:
    return (
        None if struct is None else {name: getattr(struct, name) for name in getattr(struct, "__struct_fields__", ())}
    )
