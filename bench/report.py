"""The figures as tables: on the terminal, in ``docs/benchmarks.md`` and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.budget import Step
from bench.latency import WARM_UP_S, Latency
from bench.recovery import Recovery
from bench.rule_costs import RuleCost
from bench.spread import Spread
from bench.throughput import Results, ratios

_INTRODUCTION = """# Benchmarks

Written by `make bench` (`python -m bench`); do not edit. Compare the **ratios**: they come from one run, on one
machine, with rounds taken in turns. Absolute figures are those of this machine, where broker, clients and the process
measured share the cores. A figure is the median of its rounds, with the least and the most in brackets. Before a speed
is told, every member's number of orders, sum and last order, as the process left them in Kafka, are compared with what
the orders say.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title and the sentences that tell how it was measured."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything one run found.

    ``product`` is the scorer with all its rules, the fastest build first, ``common`` the common job, our engine first;
    ``beside`` is the peer of the common job that the product is held against, None where it could not be run.
    """

    surroundings: Mapping[str, str]
    product: Sequence[Results]
    beside: Results | None
    common: Sequence[Results]
    members: int
    recovery: Recovery
    latency: Latency
    budget: Sequence[Step]
    rules: Sequence[RuleCost]


def spread_text(spread: Spread, digits: int = 0) -> str:
    """``12,345 (11,000 to 13,000)``; the median alone when the rounds agree or there was one."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (spread.median, spread.least, spread.most))
    return middle if least == most else f"{middle} ({least} to {most})"


def sections(figures: Figures) -> list[Section]:
    """The tables of a run."""
    return [
        _common(figures),
        _product(figures),
        _recovery(figures.recovery),
        _latency(figures.latency),
        _budget(figures),
    ]


_COLUMNS = ("", "orders", "orders/s", "times", "orders per CPU second", "times", "memory, MiB")


def _rows(field: Sequence[Results]) -> list[tuple[str, ...]]:
    """A line for each, held against the first."""
    rows: list[tuple[str, ...]] = []
    for results in field:
        times, cpu_times = ratios(field[0], results)
        own = results is field[0]
        rows.append(
            (
                results.title,
                f"{results.events:,}",
                spread_text(results.per_second),
                "" if own else spread_text(times, 1),
                spread_text(results.per_cpu_second),
                "" if own else spread_text(cpu_times, 1),
                f"{max(results.memory) / 2**20:,.0f}",
            )
        )
    return rows


def _common(figures: Figures) -> Section:
    notes = (
        f"Orders of about 250 bytes of {figures.members:,} members in 4 partitions. Everybody decodes each order, "
        "keeps count, sum, last time and tier (by the sum) per member, writes a record whenever the tier moves, "
        "remembers its state (a changelog in Kafka; Bytewax: SQLite) and commits every second, in one process. From "
        f"10 % of the orders handled to the last one; {len(figures.common[0].speeds)} round(s) in turns; slower "
        "contenders read the first of the orders. Times: how many times as fast the first line is."
    )
    return Section("The common job", _COLUMNS, _rows(figures.common), notes)


def _product(figures: Figures) -> Section:
    written = sum(figures.product[0].written.values()) / figures.product[0].events
    notes = (
        f"The scorer applies the shipped policy to the same orders and writes {written:.1f} records per order "
        "(outcomes, scores, changelog), with commits every second. Compiled means the optional build by mypyc (`make "
        "compile`). For comparison, the last line is from the table above: a peer that does the common job only."
    )
    field = [*figures.product, *([] if figures.beside is None else [figures.beside])]
    return Section("The product with its rules", _COLUMNS, _rows(field), notes)


def _recovery(recovery: Recovery) -> Section:
    row = (
        f"{recovery.records:,}",
        f"{recovery.members:,}",
        spread_text(recovery.per_second),
        spread_text(recovery.ready_seconds, 1),
        f"{recovery.memory / 2**20:,.0f}",
    )
    notes = (
        "The changelog is the one that the scorer wrote above, not compacted. The speed is from the beginning of "
        "recovery until the worker absorbs events again; the seconds are from the start of the process."
    )
    columns = ("changelog records", "members", "records/s", "seconds", "memory, MiB")
    return Section("Recovery", columns, [row], notes)


def _latency(latency: Latency) -> Section:
    rows = [
        (name, *(f"{value:,.1f}" for value in (each.median, each.p99, each.most)))
        for name, each in (("from append", latency.from_append), ("from schedule", latency.from_schedule))
    ]
    notes = (
        f"Milliseconds until a consumer has read the tier change that an order caused: {latency.orders:,} orders at "
        f"{latency.rate:,} per second (open loop, after {WARM_UP_S} s of warm-up), each moving another of "
        f"{latency.known_members:,} known members; matched by the id of the causing event. From append: the broker's "
        "timestamp of the order, in whole milliseconds cut off. From schedule: the instant at which the order was to "
        "be sent, so that a stalled system cannot hide by slowing its senders. Broker, scorer, sender and reader are "
        "four processes on the same cores."
    )
    return Section("Latency", ("", "median", "p99", "most"), rows, notes)


def _budget(figures: Figures) -> Section:
    rows = [
        (step.name, f"{step.microseconds:.2f}", f"{step.per_order:.2f}", f"{step.share:.2f}") for step in figures.budget
    ]
    together = sum(step.share for step in figures.budget)
    whole = 1e6 / figures.product[0].per_cpu_second.median
    rows.append(("everything else", "", "", f"{whole - together:.2f}"))
    rows.append(("one order", "", "", f"{whole:.2f}"))
    notes = (
        "Processor time in microseconds, each step timed alone in one process over the same kind of orders; the whole "
        "is that of the table of the product. Everything else is the loop around the steps, Faust, the event loop and "
        "what caches cost a process that holds all its members."
    )
    return Section("Where each microsecond goes", ("step", "each", "per order", "µs per order"), rows, notes)


def _rules(costs: Sequence[RuleCost]) -> Section:
    rows = [
        (
            cost.rule,
            f"{cost.per_order:.1f}",
            f"{cost.per_timer:.1f}",
            f"{cost.timers_per_order:.2f}",
            f"{cost.together:.1f}",
            f"{cost.outcomes_per_order:.2f}",
            f"{cost.row_bytes:,.0f}",
        )
        for cost in costs
    ]
    notes = (
        "The rules alone, in microseconds of processor time, over two years of a shop whose members buy 2 to 40 times "
        "a year, with a tick a day; each policy is the shipped one with one thing changed. Rows hold up to 460 days of "
        "orders (more where a rule looks further back)."
    )
    columns = ("", "an order", "a timer", "timers per order", "together", "outcomes per order", "row, bytes")
    return Section("What each rule costs", columns, rows, notes)


def show(console: Console, parts: Sequence[Section]) -> None:
    """The tables on the terminal."""
    for part in parts:
        table = Table(title=part.title, caption=part.notes, title_justify="left", caption_justify="left")
        for number, column in enumerate(part.columns):
            table.add_column(column, justify="right" if number or column else "left")
        for row in part.rows:
            table.add_row(*row)
        console.print(table)


def markdown(surroundings: Mapping[str, str], parts: Sequence[Section], picture: str) -> str:
    """The page ``docs/benchmarks.md``; ``picture`` is the file beside it that shows the common job."""
    lines = [_INTRODUCTION, *(f"- {name}: {value}" for name, value in surroundings.items())]
    for part in parts:
        lines += ["", f"## {part.title}", part.notes, ""]
        if part.title == "The common job":
            lines += [f"![The common job, orders per second and per CPU second]({picture})", ""]
        lines += [_line(part.columns), _line(["---"] + ["---:"] * (len(part.columns) - 1))]
        lines += map(_line, part.rows)
    return "\n".join(lines) + "\n"


def save_json(path: Path, figures: Figures) -> None:
    """Every figure of the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(figures), indent=1) + "\n")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
