"""``memberpulse lag``: how far behind is each group?"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, NoReturn

import orjson
import typer
from kafka import KafkaAdminClient, KafkaConsumer
from rich.live import Live
from rich.table import Table

from streams.commands.output import results
from streams.commands.progress import left
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.lag import PartitionLag, measure
from streams.log_reading import admin_client, log_consumer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("lag", epilog="Example: memberpulse lag --watch")(lag)


def lag(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON; with --watch one line per look")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="look again until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="seconds between two looks")] = 2.0,
) -> None:
    """Show, per partition, the committed and the last offset of the groups score, project and ingest, and how long
    the oldest record waits.

    What is committed trails what is done by up to twice score.commit_interval_seconds.
    """
    settings = resolved_settings()
    with admin_client(settings) as admin, log_consumer(settings) as consumer:
        if not watch:
            _show(_look(settings, admin, consumer), as_json=as_json)
            return
        # A look may be waiting half a minute for a broker that went away.
        with suppress(KeyboardInterrupt):
            if as_json or not results().is_terminal:
                _repeat(settings, admin, consumer, every, as_json=as_json)
            else:
                _live(settings, admin, consumer, every)


def as_table(measured: Sequence[PartitionLag]) -> Table:
    """One line per partition, and one with the sum of each topic that has several."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("group", "topic"):
        table.add_column(title, no_wrap=True)
    for title in ("partition", "committed", "end", "behind", "oldest waits"):
        table.add_column(title, justify="right")
    for each in measured:
        table.add_row(
            each.role,
            each.topic,
            str(each.partition),
            "never" if each.committed is None else f"{each.committed:,}",
            f"{each.end:,}",
            f"{each.behind:,}",
            "" if each.waiting_seconds is None else left(each.waiting_seconds),
        )
    return table


def in_a_line(measured: Sequence[PartitionLag]) -> str:
    """The sum of each group: ``score 0 behind, project 12 behind, oldest waits 3 s``."""
    behind: dict[str, int] = {}
    for each in measured:
        behind[each.role] = behind.get(each.role, 0) + each.behind
    oldest = max((each.waiting_seconds for each in measured if each.waiting_seconds is not None), default=None)
    sums = ", ".join(f"{role} {count:,} behind" for role, count in behind.items())
    return sums if oldest is None else f"{sums}, oldest waits {left(oldest)}"


def _look(settings: Settings, admin: KafkaAdminClient, consumer: KafkaConsumer) -> list[PartitionLag]:
    return measure(settings, admin, consumer, time.time_ns() // 1_000_000)


def _show(measured: Sequence[PartitionLag], *, as_json: bool) -> None:
    if as_json:
        results().print(
            orjson.dumps([asdict(each) for each in measured], option=orjson.OPT_INDENT_2).decode(), markup=False
        )
    else:
        results().print(as_table(measured))


def _repeat(
    settings: Settings, admin: KafkaAdminClient, consumer: KafkaConsumer, every: float, *, as_json: bool
) -> NoReturn:
    while True:
        measured = _look(settings, admin, consumer)
        line = orjson.dumps([asdict(each) for each in measured]).decode() if as_json else in_a_line(measured)
        print(line, flush=True)
        time.sleep(every)


def _live(settings: Settings, admin: KafkaAdminClient, consumer: KafkaConsumer, every: float) -> NoReturn:
    with Live(console=results(), auto_refresh=False) as live:
        while True:
            live.update(as_table(_look(settings, admin, consumer)), refresh=True)
            time.sleep(every)
