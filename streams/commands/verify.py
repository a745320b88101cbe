"""``memberpulse verify``: recompute everything from the log and compare."""

from dataclasses import asdict
from typing import Annotated

import orjson
import typer
from rich.table import Table

from streams.commands.output import notes, results
from streams.commands.progress import progress
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.log_reading import log_consumer, missing_topic
from streams.log_verification import Verification
from streams.topics import MEMBER_EVENTS
from streams.verification import Tally


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("verify", epilog="Example: memberpulse verify --json")(verify)


def verify(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print the counts and first differences as JSON")] = False,
) -> None:
    """Read member-events up to what the scorer has committed, apply the rules again in this process, and compare
    every member.

    Compared are the changelog (what the scorer remembers), member-scores, and every outcome's id and number. Exit 0
    only when
    all are equal; 65 otherwise. Safe while the system runs: what it has done since is counted as ahead, not as
    different.
    """
    tallies = run(resolved_settings())
    if as_json:
        results().print(
            orjson.dumps([asdict(tally) for tally in tallies], option=orjson.OPT_INDENT_2).decode(), markup=False
        )
    else:
        results().print(as_table(tallies))
        for tally in tallies:
            for text in tally.first:
                results().print(f"{tally.what}: {text}", markup=False)
    if not all(tally.exact for tally in tallies):
        raise typer.Exit(ExitCode.DATA)


def run(settings: Settings) -> list[Tally]:
    """The comparisons, with progress and what is left out told to stderr."""
    with log_consumer(settings) as consumer:
        check = Verification(settings, consumer)
        if not check.upto:
            raise missing_topic(settings, settings.topic(MEMBER_EVENTS))
        if check.truncated:
            raise CommandError(
                "the beginning of the log is gone, so nothing can be recomputed from it",
                ExitCode.DATA,
                where=f"{settings.topic(MEMBER_EVENTS)}, partitions {', '.join(map(str, check.truncated))}",
                allowed="a log that is kept for ever (retention.ms -1)",
                remedy="see 'memberpulse topics plan'; restore the log from its copy",
            )
        if check.beyond:
            notes().print(f"{check.beyond:,} records are not committed by the scorer yet and stay out of this")
        with progress("Recomputing", "records", check.records) as advance:
            parts = list(check.partitions(advance))
    totals = parts[0]
    for part in parts[1:]:
        for total, tally in zip(totals, part, strict=True):
            total.add(tally)
    return totals


def as_table(tallies: list[Tally]) -> Table:
    """The counts, one line per comparison."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("compared", no_wrap=True)
    for title in ("equal", "different", "missing", "unexpected", "ahead", "repeated", ""):
        table.add_column(title, justify="right")
    for tally in tallies:
        counts = (tally.equal, tally.different, tally.missing, tally.unexpected, tally.ahead, tally.repeated)
        table.add_row(
            tally.what, *(f"{count:,}" for count in counts), "[green]exact[/]" if tally.exact else "[red]not equal[/]"
        )
    return table
