"""``memberpulse import``: history from files, with the time that belongs to it."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from streams import policy_file
from streams.commands.output import counted, notes, results
from streams.commands.progress import progress
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.importing.conversion import BadRow, HopelessFile
from streams.importing.history_import import ImportReport, ImportRequest, import_history
from streams.importing.readers import Format
from streams.instants import instant_text
from streams.log_reading import latest_ticks, log_consumer, spans
from streams.mapping import Mapping
from streams.pseudonyms import Pseudonyms
from streams.topics import MEMBER_EVENTS

_SHOWN_BAD_ROWS = 5
#: Records from the end of a partition: a live tick a minute is among them unless more than 80 events a second arrive.
_LOOKED_BACK = 5_000


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "import", epilog="Example: memberpulse import orders-2025.csv.gz orders-2026.csv.gz --mapping shop.toml"
    )(bring_in)


def bring_in(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="CSV, JSON lines (both also .gz) or Parquet", show_default=False),
    ],
    mapping: Annotated[
        str,
        typer.Option(
            help="the mapping file, or the name of a shipped mapping, that turns a row into an event",
            show_default=False,
        ),
    ],
    *,
    form: Annotated[Format, typer.Option("--format", help="how the files are written")] = Format.AUTO,
    ticks: Annotated[
        bool,
        typer.Option(
            "--ticks/--no-ticks", help="write the history's own time between its events, one tick per local day"
        ),
    ] = True,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="go on with ticks until the start of this local date")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart/--resume", help="send everything again, or only what was not acknowledged")
    ] = False,
    allow_bad: Annotated[bool, typer.Option("--allow-bad", help="exit 0 although some rows could not be used")] = False,
) -> None:
    """Bring history into the log, in the order of its event time, with the ticks of that time between the events.

    All files together are one history. Rows that cannot be used go to dead-letters with their own bytes and the
    reason; exit 65 says
    that there were any. After an interruption, the same command goes on where the last one was acknowledged.
    """
    settings = resolved_settings()
    request = request_for(
        settings, files, mapping, form=form, ticks=ticks, until=None if until is None else until.date(), restart=restart
    )
    _warn_about_time(settings)
    if ticks and until is not None and until.date().isoformat() > _day(time.time_ns() // 1_000_000):
        notes().print(f"warning: --until {until.date()} lies in the future: the ticks end with the present day")
    try:
        report = import_history(settings, request, progress, time.time_ns() // 1_000_000)
    except HopelessFile as error:
        tell_bad_rows(error.first, plain=settings.pseudonyms.secret is None)
        raise CommandError(
            str(error),
            ExitCode.DATA,
            where=f"mapping {mapping}",
            remedy="correct the mapping; nothing was sent",
        ) from error
    except KeyboardInterrupt:
        notes().print("stopped; the same command goes on from here")
        raise
    tell(report, plain=settings.pseudonyms.secret is None)
    if report.bad and not allow_bad:
        raise typer.Exit(ExitCode.DATA)


def request_for(
    settings: Settings,
    files: list[Path],
    mapping: str,
    *,
    form: Format = Format.AUTO,
    ticks: bool = True,
    until: date | None = None,
    restart: bool = False,
) -> ImportRequest:
    """The request that a command line or the demonstration makes; local days are those of the settings' policy."""
    document = policy_file.load(settings.score.policy)
    pseudonyms = Pseudonyms(settings.pseudonyms)
    loaded = Mapping.load(mapping, pseudonyms)
    return ImportRequest(
        files=files,
        mapping=loaded,
        # The same file under another secret is another history.
        mapping_hash=f"{loaded.content_hash} {pseudonyms.key_id}" if pseudonyms.active else loaded.content_hash,
        zone=document.to_policy().zone,
        form=form,
        ticks=ticks,
        until=until,
        restart=restart,
    )


def tell(report: ImportReport, *, plain: bool = True) -> None:
    """Print what an import did, the first bad rows to stderr; not what is in them where ids are hidden."""
    out = results()
    span = ""
    if report.first_at is not None and report.last_at is not None:
        span = f", {_day(report.first_at)} to {_day(report.last_at)}"
    ticks = f"{counted(report.ticks, 'tick')} to every partition"
    out.print(f"{counted(report.events, 'event')} of {counted(report.rows, 'row')}{span}; {ticks}")
    # What an earlier run sent is only read by this one.
    rate = f" ({report.events / report.seconds:,.0f} events/s)" if report.sent and not report.already else ""
    out.print(f"{counted(report.sent, 'record')} acknowledged in {report.seconds:.1f} s{rate}")
    if report.already:
        verb = "was" if report.already == 1 else "were"
        earlier = f"{counted(report.already, 'record')} {verb} acknowledged by an earlier run"
        out.print(f"{earlier}; --restart sends everything again")
    if not report.rows:
        notes().print("the files have no rows: nothing is to be imported")
    if report.bad:
        notes().print(f"{counted(len(report.bad), 'row')} could not be used; see dead-letters. The first:")
        tell_bad_rows(report.bad[:_SHOWN_BAD_ROWS], plain=plain)
        if len(report.bad) == report.rows:
            notes().print("not one row could be used: is it the right mapping, and the right --format?")


def tell_bad_rows(rows: Sequence[BadRow], *, plain: bool = True) -> None:
    """Print bad rows with their place and reason, and unless ids are hidden with details and bytes."""
    for row in rows:
        more = f": {row.detail}\n    {row.original[:160]!r}" if plain else ""
        notes().print(f"  {row.file}, row {row.number}: {row.reason}{more}", markup=False)


def _warn_about_time(settings: Settings) -> None:
    """Say so when live time has been here before: history that is older gets no ticks of its own any more."""
    topic = settings.topic(MEMBER_EVENTS)
    with log_consumer(settings) as consumer:
        ticks = latest_ticks(consumer, topic, spans(consumer, topic), furthest=_LOOKED_BACK)
    live = [record.timestamp for record in ticks.values() if record.header("log_time") is None]
    if live:
        notes().print(
            f"warning: {len(live)} partitions have live ticks already, the last of {instant_text(max(live))}. "
            "History from before is counted as of now: nobody in it lapses in the past, and orders older than "
            "the horizon go to dead-letters."
        )


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).date().isoformat()
