"""``memberpulse policy backtest``: which lifecycle mode serves this shop?"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer

from scoring.policy import Policy
from scoring.rhythm import DAY_S, Rhythm
from streams import policy_file
from streams.backtest.picture import as_text, check_file, curves_of, to_file
from streams.backtest.purchases import Purchases, from_log, from_rows
from streams.backtest.report import Question, Report, steps_of
from streams.backtest.report import backtest as replayed
from streams.backtest.telling import full_table, heading, other_volumes
from streams.commands.importing import tell_bad_rows
from streams.commands.output import counted, notes, results
from streams.commands.progress import progress
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.importing.conversion import Conversion, HopelessFile
from streams.importing.readers import Format
from streams.log_reading import LogRecord, log_consumer, missing_topic, scan, spans
from streams.mapping import Mapping
from streams.topics import MEMBER_EVENTS

_SHOWN_BAD_ROWS = 5
_FULL_TABLES = 2

EPILOG = "Example: memberpulse policy backtest orders.csv.gz --mapping shop.toml"


def backtest(  # noqa: PLR0913 - a parameter per option
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="CSV, JSON lines (both also .gz) or Parquet", show_default=False),
    ] = None,
    *,
    mapping: Annotated[
        str | None,
        typer.Option(help="the mapping file, or the name of a shipped mapping, of the files", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="how the files are written")] = Format.AUTO,
    from_the_log: Annotated[bool, typer.Option("--from-log", help="read member-events instead of files")] = False,
    policy: Annotated[
        str | None,
        typer.Option(
            help="the policy whose fixed days, quiet days and rhythm are tested; default: setting score.policy",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        list[int], typer.Option(min=1, max=3650, help="other fixed near-churn days to compare at; may be repeated")
    ] = [30, 45, 90, 120],  # noqa: B006 - Typer copies it
    weights: Annotated[
        list[int],
        typer.Option("--weight", min=0, max=1000, help="weights of the rhythm, the first leads; may be repeated"),
    ] = [5, 1, 2, 10],  # noqa: B006 - Typer copies it
    usual_gap: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3650,
            help="the shop's usual gap in days, for --weight; default: the policy's",
            show_default=False,
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="resamples for the intervals")] = 1000,
    seed: Annotated[int, typer.Option(help="of chance; the same seed gives the same figures")] = 1,
    plot: Annotated[
        Path | None, typer.Option(help="write the picture to this .svg, .png or .pdf file", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
    allow_bad: Annotated[bool, typer.Option("--allow-bad", help="exit 0 although some rows could not be used")] = False,
) -> None:
    """Replay a shop's purchases under fixed days and under the member's own rhythm, with equal numbers of alerts, and
    tell which alerts were right.

    An alert was right when the member stayed away for 90 days after it. A policy in rhythm mode takes part with its own
    settings. Needs no Kafka unless --from-log is given.
    """
    if plot is not None:
        check_file(plot)
    document = policy_file.load(policy or resolved_settings().score.policy)
    rules = document.to_policy()
    gap_days = document.lifecycle.rhythm.typical_gap_days if usual_gap is None else usual_gap
    question = Question(
        near_churn_days=rules.near_churn_days,
        lapsed_days=rules.recently_lapsed_days,
        other_days=tuple(sorted(set(days) - {rules.near_churn_days})),
        rhythms=_rhythms(rules.rhythm, weights, gap_days),
        resamples=resamples,
        seed=seed,
        quiet=rules.quiet,
    )
    bad = 0
    if from_the_log:
        if files:
            raise _usage("--from-log reads the log; it takes no files")
        purchases = _read_log(resolved_settings(), rules)
    else:
        if not files or mapping is None:
            raise _usage("name the files and their --mapping, or say --from-log")
        purchases, bad = _read_files(files, form, Mapping.load(mapping), rules)
    _tell_what_was_left_out(purchases, rules)
    if rules.rhythm is not None:
        notes().print(f"the policy's own rhythm is the one of weight {rules.rhythm.weight}")
    shop = purchases.shop()
    with progress("Replaying", "steps", steps_of(question)) as advance:
        report = replayed(shop, question, advance)
    if plot is not None:
        to_file(curves_of(report.comparisons), plot)
    _show(report, as_json=as_json, drawn=plot is None)
    if bad and not allow_bad:
        raise typer.Exit(ExitCode.DATA)


def _rhythms(own: Rhythm | None, weights: Sequence[int], gap_days: int) -> tuple[Rhythm, ...]:
    """The rhythms to compare; the policy's ``own`` leads, and stands for its weight, by which lines are known."""
    found = {} if own is None else {own.weight: own}
    for weight in weights:
        found.setdefault(weight, Rhythm(weight=weight, usual_gap=gap_days * DAY_S))
    return tuple(found.values())


def _show(report: Report, *, as_json: bool, drawn: bool) -> None:
    out = results()
    if as_json:
        out.print(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    out.print(heading(report), markup=False)
    for comparison in report.comparisons[:_FULL_TABLES]:
        out.print()
        out.print(full_table(comparison))
    if report.comparisons[_FULL_TABLES:]:
        out.print()
        out.print(other_volumes(report.comparisons[_FULL_TABLES:]))
    picture = as_text(curves_of(report.comparisons)) if drawn else ""
    if picture:
        out.print(f"\n{picture}", markup=False)
    verdict, *basis = report.recommendation.sentences
    out.print(f"\n{verdict}", markup=False, style="bold")
    for sentence in basis:
        out.print(f"- {sentence}", markup=False)
    if report.recommendation.setting is not None:
        out.print(f"set: {report.recommendation.setting}", markup=False)


def _read_files(files: Sequence[Path], form: Format, mapping: Mapping, policy: Policy) -> tuple[Purchases, int]:
    conversion = Conversion(files, form, mapping, time.time_ns() // 1_000_000)
    size = sum(path.stat().st_size for path in files if path.is_file())
    try:
        with progress("Reading", "bytes", size) as advance:
            purchases = from_rows(conversion.entries(advance), policy)
    except HopelessFile as error:
        tell_bad_rows(error.first)
        raise CommandError(str(error), ExitCode.DATA, remedy="correct the mapping") from error
    if conversion.bad:
        bad = counted(len(conversion.bad), "row")
        notes().print(f"{bad} could not be used; the rest is what counts. The first:")
        tell_bad_rows(conversion.bad[:_SHOWN_BAD_ROWS])
    return purchases, len(conversion.bad)


def _read_log(settings: Settings, policy: Policy) -> Purchases:
    topic = settings.topic(MEMBER_EVENTS)
    with log_consumer(settings) as consumer:
        stretches = spans(consumer, topic)
        if not stretches:
            raise missing_topic(settings, topic)
        total = sum(span.end - span.begin for span in stretches.values())
        with progress("Reading", "records", total) as advance:

            def counted() -> Iterator[LogRecord]:
                for count, record in enumerate(scan(consumer, topic, stretches)):
                    if count % 1000 == 0:
                        advance(min(1000, total - count))
                    yield record

            return from_log(counted(), policy)


def _tell_what_was_left_out(purchases: Purchases, policy: Policy) -> None:
    if purchases.foreign:
        notes().print(f"{purchases.foreign:,} orders in other currencies than {policy.currency} are left out")
    if purchases.unusable:
        notes().print(f"{purchases.unusable:,} records of the log are no events and are left out")


def _usage(message: str) -> CommandError:
    return CommandError(message, ExitCode.USAGE, remedy=EPILOG)
