"""The figures as tables: on the terminal, in ``docs/benchmarks.md`` and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.budget import Step
from bench.latency import Latency, Percentiles
from bench.members import RATE, Members, Recovered
from bench.memory import MemoryUse
from bench.on_disk import Store
from bench.pace import WARM_UP_S
from bench.recovery import Recovery
from bench.rule_costs import RuleCost
from bench.scale import Scale
from bench.spread import Spread
from bench.throughput import Results, ratios
from bench.till import Till

#: Pictures beside the page.
COMMON_PICTURE = "benchmarks.svg"
LATENCY_PICTURE = "latency.svg"

_INTRODUCTION = """# Benchmarks

Written by `make bench` (`python -m bench`); do not edit. Compare the **ratios**: they come from one run, on one
machine, with rounds taken in turns. Absolute figures are those of this machine, where broker, clients and the process
measured share the cores. A figure is the median of its rounds, with the least and the most in brackets. Before a speed
is told, every member's number of orders, sum and last order, as the process left them in Kafka, are compared with what
the orders say.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title and the sentences that tell how it was measured; ``picture`` names what is drawn of it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: str
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Race:
    """``product`` is the scorer with all its rules, the fastest build first, ``common`` the common job, our engine
    first; ``beside`` is the peer of the common job that the product is held against, None where it could not be run.
    """

    product: Sequence[Results]
    beside: Results | None
    common: Sequence[Results]
    members: int
    recovery: Recovery
    budget: Sequence[Step]
    rules: Sequence[RuleCost]


@dataclass(slots=True)
class Figures:
    """Everything one run found."""

    surroundings: Mapping[str, str]
    race: Race | None = None
    latency: Sequence[Latency] = ()
    memory: Sequence[MemoryUse] = ()
    stores: Sequence[Store] = ()
    many: Members | None = None
    scale: Sequence[Scale] = ()
    till: Till | None = None


def spread_text(spread: Spread, digits: int = 0) -> str:
    """``12,345 (11,000 to 13,000)``; the median alone when the rounds agree or there was one."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (spread.median, spread.least, spread.most))
    return middle if least == most else f"{middle} ({least} to {most})"


def sections(figures: Figures) -> list[Section]:
    """The tables of a run."""
    parts: list[Section] = []
    if figures.race is not None:
        parts += [
            _common(figures.race),
            _product(figures.race),
            _recovery(figures.race.recovery),
            _budget(figures.race),
            _rules(figures.race.rules),
        ]
    if figures.latency:
        parts.append(_latency(figures.latency))
    if figures.memory:
        parts.append(_memory(figures.memory))
    if figures.stores:
        parts.append(_stores(figures.stores))
    if figures.many is not None:
        parts.append(_many(figures.many))
    if figures.scale:
        parts.append(_scale(figures.scale))
    if figures.till is not None:
        parts += [_asked(figures.till), _followed(figures.till)]
    return parts


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


def _common(race: Race) -> Section:
    notes = (
        f"Orders of about 250 bytes of {race.members:,} members in 4 partitions. Everybody decodes each order, "
        "keeps count, sum, last time and tier (by the sum) per member, writes a record whenever the tier moves, "
        "remembers its state (a changelog in Kafka; Bytewax: SQLite) and commits every second, in one process. From "
        f"10 % of the orders handled to the last one; {len(race.common[0].speeds)} round(s) in turns; slower "
        "contenders read the first of the orders. Times: how many times as fast the first line is."
    )
    return Section("The common job", _COLUMNS, _rows(race.common), notes, COMMON_PICTURE)


def _product(race: Race) -> Section:
    written = sum(race.product[0].written.values()) / race.product[0].events
    notes = (
        f"The scorer applies the shipped policy to the same orders and writes {written:.1f} records per order "
        "(outcomes, scores, changelog), with commits every second. Compiled means the optional build by mypyc (`make "
        "compile`). For comparison, the last line is from the table above: a peer that does the common job only."
    )
    field = [*race.product, *([] if race.beside is None else [race.beside])]
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


def _latency(latencies: Sequence[Latency]) -> Section:
    def both(values: Percentiles | None) -> tuple[str, str]:
        return ("", "") if values is None else (f"{values.median:,.1f}", f"{values.p99:,.1f}")

    rows = [
        (
            f"{each.rate:,}",
            *both(each.decided),
            *both(each.readable),
            *both(each.stored),
            *both(each.from_schedule),
        )
        for each in latencies
    ]
    notes = (
        "Milliseconds, median and p99, at so many orders per second, sent on a schedule that waits for nobody (an open "
        f"loop), after {WARM_UP_S} s of warm-up. Measured are members whose order lifts them to the highest tier, at "
        "most 1,000 a second; the other orders are small ones of members who stay where they are. From the broker's "
        "timestamp of the order until the scorer had decided, until a consumer had read the tier change, until Redis "
        "said that the new score was there; and from the instant at which the order was to be sent, so that a stalled "
        "system cannot hide by slowing its senders. Kafka's timestamps are whole milliseconds cut off. Broker, Redis, "
        "scorer, projector, sender and two readers are seven processes on the same cores."
    )
    columns = ("orders/s", "decided", "p99", "readable", "p99", "in Redis", "p99", "from schedule", "p99")
    return Section("Latency", columns, rows, notes, LATENCY_PICTURE)


def _memory(uses: Sequence[MemoryUse]) -> Section:
    rows = [
        (
            f"{use.orders}",
            f"{use.row:,}",
            f"{use.least:,} to {use.most:,}",
            f"{use.measured:,.0f}",
            f"{use.measured_rows:,.0f}",
            f"{use.measured_due:,.1f}",
        )
        for use in uses
    ]
    notes = (
        "Bytes per member, with member ids of 9 characters: what a process's resident memory grows by when it takes in "
        f"{uses[0].members:,} members (fewer with many orders), and what the formula in "
        "[performance.md](performance.md#memory) says."
    )
    columns = ("open orders", "row", "formula", "measured", "of it rows", "of it who is due")
    return Section("Memory", columns, rows, notes)


def _stores(stores: Sequence[Store]) -> Section:
    rows = [
        (
            each.name,
            f"{each.recovered_per_second:,.0f}",
            f"{each.memory_recovered / 2**20:,.0f}",
            f"{each.full_speed.per_second:,.0f}",
            f"{each.full_speed.per_cpu_second:,.0f}",
            f"{each.memory_after / 2**20:,.0f}",
        )
        for each in stores
    ]
    notes = (
        f"{stores[0].members:,} members with five open orders, then {stores[0].orders:,} orders of any of them as fast "
        "as they are handled; rows in memory or in RocksDB (setting `score.store`). Memory is in MiB, of the whole "
        "process."
    )
    columns = ("rows in", "recovered records/s", "memory then", "orders/s", "orders per CPU second", "memory then")
    return Section("Rows on disk", columns, rows, notes)


def _many(many: Members) -> Section:
    def ms(values: Percentiles) -> str:
        return f"{values.median:,.1f} / {values.p99:,.1f} / {values.most:,.1f}"

    def recovered(each: Recovered) -> str:
        return f"{each.ready_seconds:,.1f} s ({each.records:,} records, {each.per_second:,.0f}/s)"

    rows = [
        ("written into the changelog", f"{many.written_seconds:,.0f} s"),
        ("from the start of the process until it scores", recovered(many.first)),
        ("memory then", f"{many.first.memory / 2**20:,.0f} MiB"),
        (
            f"{many.orders:,} orders at full speed",
            f"{many.full_speed.per_second:,.0f}/s, {many.full_speed.per_cpu_second:,.0f} per CPU second",
        ),
        (f"orders at {RATE:,}/s: median / p99 / most", f"{ms(many.calm)} ms"),
        (f"a tick finds {many.due:,} due: all told after", f"{many.fired_seconds:,.1f} s"),
        ("orders meanwhile: median / p99 / most", f"{ms(many.during_tick)} ms"),
        ("memory after it", f"{many.memory_after / 2**20:,.0f} MiB"),
        ("kill -9, from the next start until it scores", recovered(many.again)),
        ("the longest that an order waited for its tier change then", f"{many.outage_seconds:,.1f} s"),
    ]
    notes = (
        f"{many.members:,} members with five open orders each in 4 partitions and one process. The second start "
        "includes the session of the killed worker (10 s), which the group waits for. Latencies are from the instant "
        "at which the order was to be sent until its tier change could be read."
    )
    return Section(f"{many.members:,} members", ("", ""), rows, notes)


def _scale(scales: Sequence[Scale]) -> Section:
    first = scales[0]
    rows = [
        (
            f"{each.workers}",
            f"{each.per_second:,.0f}",
            f"{each.per_cpu_second:,.0f}",
            f"{each.per_cpu_second / first.per_cpu_second:.2f}",
        )
        for each in scales
    ]
    notes = (
        f"{first.orders:,} orders in 12 partitions, shared by so many workers on the same cores as the broker; from "
        "30 % of the orders handled to the last one; every member's result checked. More workers than cores gain "
        "nothing here: what may not fall is the last column but one."
    )
    columns = ("workers", "orders/s together", "orders per CPU second", "of one worker's")
    return Section("More workers", columns, rows, notes)


def _budget(race: Race) -> Section:
    rows = [
        (step.name, f"{step.microseconds:.2f}", f"{step.per_order:.2f}", f"{step.share:.2f}") for step in race.budget
    ]
    together = sum(step.share for step in race.budget)
    whole = 1e6 / race.product[0].per_cpu_second.median
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


def _asked(till: Till) -> Section:
    rows = [
        (
            each.what,
            f"{each.rate:,}" if each.rate else "as answered",
            f"{each.beside:,}",
            f"{each.per_second:,.0f}",
            f"{1e6 * each.cpu:,.0f}",
            f"{each.latency.median:,.1f}",
            f"{each.latency.p99:,.1f}",
            f"{each.latency.most:,.1f}",
            ", ".join(f"{count:,} {what}" for what, count in each.wrong.items()) or "none",
        )
        for each in till.asked
    ]
    notes = (
        "One `memberpulse serve` process over 32 connections. Requests are written when they are due, whether or not "
        "earlier ones were answered, and the latency (ms) runs from that instant, so that a pause of the server is in "
        "every answer that it delays; the last line is 32 connections that each ask again when answered. An answer "
        "counts when it is of the member asked for, read from Redis at that moment. µs is the processor time of the "
        "API per request. Broker, Redis, scorer, projector, API, the senders of orders and the tills share the cores; "
        "broker, scorer and projector yield to the others, by a nice value of 10."
    )
    columns = ("", "asked/s", "beside orders/s", "answered/s", "µs each", "median", "p99", "most", "wrong")
    return Section("At the till", columns, rows, notes)


def _followed(till: Till) -> Section:
    rows = [
        (
            f"{each.screens:,}",
            f"{each.rate:,}",
            f"{each.events:,}",
            f"{each.latency.median:,.1f}",
            f"{each.latency.p99:,.1f}",
            f"{each.complete:,}",
            f"{each.told:,}",
            f"{each.silent:,}",
            " to ".join(f"{each_memory / 2**20:,.0f}" for each_memory in each.memory),
        )
        for each in till.followed
    ]
    notes = (
        "Server-sent events of every tier change, to so many streams at once. Milliseconds are from the broker's "
        "timestamp of the order until its event was read from the first stream. Streams either had every event, were "
        "ended with a last event that says so, or missed some in silence. MiB are the API's: before the streams were "
        "opened, and the most with them."
    )
    columns = ("streams", "changes/s", "changes", "median", "p99", "complete", "told", "silent", "memory, MiB")
    return Section("Live events", columns, rows, notes)


def show(console: Console, parts: Sequence[Section]) -> None:
    """The tables on the terminal."""
    for part in parts:
        table = Table(title=part.title, caption=part.notes, title_justify="left", caption_justify="left")
        for number, column in enumerate(part.columns):
            table.add_column(column, justify="right" if number or column else "left")
        for row in part.rows:
            table.add_row(*row)
        console.print(table)


def markdown(surroundings: Mapping[str, str], parts: Sequence[Section], before: str = "") -> str:
    """The page ``docs/benchmarks.md``; of the page ``before`` it, the tables that ``parts`` do not have."""
    measured = f"Measured {surroundings['date']}, commit {surroundings['commit']}."
    known = _sections_of(before)
    for part in parts:
        lines = [f"{part.notes} {measured}", ""]
        if part.picture:
            lines += [f"![{part.title}]({part.picture})", ""]
        lines += [_line(part.columns), _line(["---"] + ["---:"] * (len(part.columns) - 1)), *map(_line, part.rows), ""]
        known[part.title] = "\n".join(lines)
    page = [_INTRODUCTION, *(f"- {name}: {value}" for name, value in surroundings.items()), ""]
    page += [f"## {title}\n{text}" for title, text in known.items()]
    return "\n".join(page)


def _sections_of(page: str) -> dict[str, str]:
    """Texts by title."""
    return {title: text for title, _, text in (each.partition("\n") for each in page.split("\n## ")[1:])}


def save_json(path: Path, figures: Figures) -> None:
    """Every figure of the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(figures), indent=1) + "\n")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
