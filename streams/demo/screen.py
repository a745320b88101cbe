"""What the demonstration shows while it works."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scoring.vocabulary import STAGES
from streams.demo.watching import Watcher

_BAR_CELLS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Numbers of one look: events scored by now, their speed over the last second, how many wait, the last event's
    day.
    """

    seconds: float
    scored: int
    per_second: float
    lag: str


def screen(watcher: Watcher, moment: Moment, tier_names: Sequence[str]) -> RenderableType:
    """The whole picture, for a terminal."""
    head = Text.assemble(
        (f"{moment.scored:,}", "bold"),
        " events scored  ",
        (f"{moment.per_second:,.0f}/s", "bold green"),
        f"  {watcher.members:,} members  {watcher.outcomes:,} outcomes  {moment.seconds:.0f} s\n",
        (moment.lag, "dim"),
    )
    counts = Table.grid(expand=True, padding=(0, 2))
    counts.add_row(
        _bars("tiers", list(reversed(tier_names)), watcher.tiers), _bars("lifecycle stages", STAGES, watcher.stages)
    )
    return Group(
        Panel(head, title="memberpulse: the CDNOW orders of 1997 and 1998", title_align="left"),
        counts,
        Panel("\n".join(watcher.tier_changes) or "none yet", title="latest tier changes", title_align="left"),
        Panel("\n".join(watcher.alerts) or "none yet", title="latest lifecycle alerts", title_align="left"),
    )


def line(watcher: Watcher, moment: Moment, tier_names: Sequence[str]) -> str:
    """The picture in one line, where there is no terminal."""
    tiers = " ".join(f"{name} {watcher.tiers[name]:,}" for name in reversed(tier_names))
    stages = " ".join(f"{name} {watcher.stages[name]:,}" for name in STAGES if watcher.stages[name])
    latest = (watcher.tier_changes or watcher.alerts or [""])[-1]
    speed = f"{moment.seconds:3.0f} s  {moment.scored:,} events, {moment.per_second:,.0f}/s"
    return f"{speed} | {tiers} | {stages} | {moment.lag} | {latest}"


def _bars(title: str, names: Sequence[str], counts: Counter[str]) -> Panel:
    table = Table.grid(padding=(0, 1))
    largest = max(counts.values(), default=0) or 1
    for name in names:
        count = max(counts[name], 0)
        table.add_row(name, Text("█" * round(_BAR_CELLS * count / largest), style="cyan"), f"{count:,}")
    return Panel(table, title=title, title_align="left")
