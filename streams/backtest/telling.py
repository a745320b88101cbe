"""A report as tables for people."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table

from streams.backtest.comparing import Comparison, Estimate, Line
from streams.backtest.modes import FIXED, RANDOM, RHYTHM
from streams.backtest.report import Report


def heading(report: Report) -> str:
    """What was replayed, in one sentence."""
    until = datetime.fromtimestamp(report.end / 1000, UTC).isoformat(timespec="minutes")
    gap = (
        "no member bought twice"
        if report.usual_gap is None
        else f"half of all gaps are {report.usual_gap:g} days or less"
    )
    return (
        f"{report.members:,} members, {report.orders:,} kept orders, {report.silences:,} silences until {until}; {gap}"
    )


def full_table(comparison: Comparison) -> Table:
    """One line per mode with everything that is known of it; 95 % intervals in brackets."""
    if comparison.by == "alerts":
        title = f"as many alerts as {comparison.anchor}"
    else:
        title = f"as much warning (mean lead) as {comparison.anchor}"
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for name in ("mode", "quiet after"):
        table.add_column(name, no_wrap=True)
    names = ("alerts", "stayed away, %", "back in 30 d, %", "back in 60 d, %", "lead, d", "mean lead, d")
    for name in (*names, "minus fixed", "lift on fixed", "lift on random", "too late"):
        table.add_column(name, justify="right", overflow="fold")
    for line in comparison.lines:
        table.add_row(
            line.label,
            line.setting,
            f"{line.alerts:,}",
            share(line.right),
            share(line.back_30),
            share(line.back_60),
            "" if line.lead_median is None else f"{line.lead_median:.1f}",
            plain(line.lead, 1),
            points(line.minus_fixed),
            plain(line.lift_fixed, 2),
            plain(line.lift_random, 2),
            f"{line.too_late:,}",
        )
    return table


def other_volumes(comparisons: Sequence[Comparison]) -> Table:
    """One line per further volume: fixed days, the first rhythm and chance."""
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title="stayed away, %, at other numbers of alerts",
        title_justify="left",
    )
    table.add_column("as many alerts as", no_wrap=True)
    for name in ("alerts", "fixed", "rhythm", "random", "rhythm minus fixed"):
        table.add_column(name, justify="right", overflow="fold")
    for each in comparisons:
        fixed, chance = _of(each, FIXED), _of(each, RANDOM)
        rhythm = next((line for line in each.lines if line.mode == RHYTHM), None)
        table.add_row(
            each.anchor,
            f"{fixed.alerts:,}",
            share(fixed.right),
            "" if rhythm is None else share(rhythm.right),
            share(chance.right),
            "" if rhythm is None else points(rhythm.minus_fixed),
        )
    return table


def share(found: Estimate | None) -> str:
    """A share in per cent: ``75.6 (75.1..76.2)``."""
    return "" if found is None else f"{100 * found.value:.1f}{_ends(found, 100, 1)}"


def points(found: Estimate | None) -> str:
    """A difference of shares in points: ``-2.1 (-2.4..-1.7)``."""
    return "" if found is None else f"{100 * found.value:+.1f}{_ends(found, 100, 1)}"


def plain(found: Estimate | None, digits: int) -> str:
    """A figure as it is."""
    return "" if found is None else f"{found.value:.{digits}f}{_ends(found, 1, digits)}"


def _ends(found: Estimate, scale: int, digits: int) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({scale * found.low:.{digits}f}..{scale * found.high:.{digits}f})"


def _of(comparison: Comparison, mode: str) -> Line:
    return next(line for line in comparison.lines if line.mode == mode)
