"""``memberpulse policy preview``: what would this policy do to the members of now?"""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams import policy_file
from streams.commands.output import notes, results
from streams.commands.progress import progress
from streams.commands.resolve import resolved_settings
from streams.exits import CommandError, ExitCode
from streams.instants import instant_text
from streams.preview.reading import Base, refuse_other_money_or_days
from streams.preview.record import preview_record, remember_preview
from streams.preview.replay import OnMove
from streams.preview.report import as_data
from streams.preview.tally import Move
from streams.preview.telling import told

EPILOG = "Example: memberpulse policy preview our.toml --members 20 --csv moves.csv"
COLUMNS = ("member_id", "from", "to", "direction", "promised_until", "frequency", "monetary")


def preview(
    new: Annotated[str, typer.Argument(metavar="NEW", help="a policy file, or a shipped policy", show_default=False)],
    *,
    members: Annotated[
        int, typer.Option(min=0, max=100_000, help="name so many of those who lose a tier before its time is over")
    ] = 0,
    table: Annotated[
        Path | None,
        typer.Option("--csv", help="write every member whose tier changes to this file", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="do not remember this preview, which 'policy publish' asks for")
    ] = False,
) -> None:
    """Judge every member as they are now by another policy, and tell who moves, who loses a tier before its time is
    over, which alerts would fire at once and what benefits would cost. Changes nothing about members.

    The scorer's own rules decide, on the state that it remembers, as of the last tick: publishing the policy now would
    do the same. Needs Kafka and no worker; a running one is not disturbed.
    """
    document = policy_file.load(new)
    settings = resolved_settings()
    base = Base(settings)
    refuse_other_money_or_days(base.document, document)
    with moves_to(table) as on_move, progress("Judging members", "steps", base.steps) as advance:
        found = base.under(document, members, on_move, advance)
    if as_json:
        results().print(orjson.dumps(as_data(found), option=orjson.OPT_INDENT_2).decode(), markup=False)
    else:
        out = results()
        for each in told(found):
            if isinstance(each, str):
                out.print(each, markup=False, emoji=False)
            else:
                out.print(each)
    if no_record:
        return
    remember_preview(
        settings,
        preview_record(document.content_hash, document.version, base.document.content_hash, base.version, found.found),
    )
    notes().print("remembered: 'memberpulse policy publish' may follow within a day", markup=False)


@contextmanager
def moves_to(path: Path | None) -> Iterator[OnMove]:
    """Write every move into a CSV file, which is there when all of them are in it.

    Raises:
        CommandError: the file cannot be written.
    """
    if path is None:
        yield _nothing
        return
    unfinished = path.with_name(path.name + ".part")
    try:
        file = unfinished.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            write = csv.writer(file).writerow
            write(COLUMNS)
            yield lambda move: _written(lambda: write(row_of(move)), path)
        _written(lambda: unfinished.replace(path), path)
    finally:
        unfinished.unlink(missing_ok=True)


def _nothing(_: Move) -> None:
    """No file was asked for."""


def _written(write: Callable[[], object], path: Path) -> None:
    try:
        write()
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> CommandError:
    return CommandError(
        f"{path} cannot be written ({error.strerror})", ExitCode.IO, remedy="name another file with --csv"
    )


def row_of(move: Move) -> tuple[str | int, ...]:
    """A move as a row of the file: instants are RFC 3339 (empty without one), money is minor units."""
    until = "" if not move.promised else instant_text(move.promised_until) if move.promised_until else "never"
    return (move.member_id, move.before, move.after, move.direction, until, move.frequency, move.monetary)
