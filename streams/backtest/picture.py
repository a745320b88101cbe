"""The share of right alerts against their number, and against the warning they give, for the terminal or as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.backtest.comparing import Comparison
from streams.backtest.modes import FIXED, RANDOM
from streams.exits import CommandError, ExitCode

_WIDTH: Final = 64
_HEIGHT: Final = 14
_SUFFIXES: Final = (".svg", ".png", ".pdf")


@dataclass(frozen=True, slots=True)
class Point:
    """One setting: alerts, mean lead time of the right ones in days, share of right ones in per cent."""

    alerts: float
    lead: float
    share: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One mode: its ``mark`` on the terminal and its settings, fewest alerts first."""

    label: str
    mark: str
    points: tuple[Point, ...]


def curves_of(comparisons: Sequence[Comparison]) -> list[Curve]:
    """Fixed days, the first rhythm and chance at every volume that was compared; none without a comparison."""
    volumes = [each for each in comparisons if each.by == "alerts"]
    if not volumes:
        return []
    rhythms = [line.label for line in volumes[0].lines if line.mode not in {FIXED, RANDOM}]
    curves = []
    for label, mark in ((FIXED, "F"), (RANDOM, "x"), *((label, "R") for label in rhythms[:1])):
        points = {
            (line.alerts, line.lead.value, 100 * line.right.value)
            for each in volumes
            for line in each.lines
            if line.label == label and line.right is not None and line.lead is not None
        }
        curves.append(Curve(label, mark, tuple(Point(*point) for point in sorted(points))))
    return curves


def as_text(curves: Sequence[Curve]) -> str:
    """Two plain pictures of 18 lines each; empty without a point."""
    if not any(curve.points for curve in curves):
        return ""
    alerts = _canvas([(curve.mark, [(p.alerts, p.share) for p in curve.points]) for curve in curves])
    leads = _canvas([(curve.mark, [(p.lead, p.share) for p in curve.points]) for curve in curves])
    legend = f"{'':7}" + ", ".join(f"{curve.mark} {curve.label}" for curve in curves)
    lines = ["right alerts, % (up), by number of alerts", *alerts, legend, ""]
    lines += ["right alerts, % (up), by mean lead time in days", *leads, legend]
    return "\n".join(lines)


def _canvas(series: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> list[str]:
    across = [x for _, points in series for x, _ in points]
    up = [y for _, points in series for _, y in points]
    left, low = min(across), min(up)
    width, height = max(across) - left, max(up) - low
    canvas = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for mark, points in series:
        for x, y in points:
            column = round((x - left) / (width or 1) * (_WIDTH - 1))
            canvas[_HEIGHT - 1 - round((y - low) / (height or 1) * (_HEIGHT - 1))][column] = mark
    lines = [f"{'':5} |{''.join(cells)}".rstrip() for cells in canvas]
    lines[0] = f"{low + height:5.1f}{lines[0][5:]}"
    lines[-1] = f"{low:5.1f}{lines[-1][5:]}"
    half = _WIDTH // 2
    return [*lines, f"{'':6}+{'-' * _WIDTH}", f"{'':7}{left:<{half},.0f}{left + width:>{half},.0f}"]


def check_file(path: Path) -> None:
    """Whether :func:`to_file` can write there, asked before the work begins.

    Raises:
        CommandError: exit 64, the name has no known ending; exit 69, matplotlib is not installed.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise CommandError(
            f"the kind of picture cannot be told from the name {path}",
            ExitCode.USAGE,
            allowed=", ".join(_SUFFIXES),
            remedy="for example --plot backtest.svg",
        )
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 - an extra: its absence is explained
    except ImportError as error:
        raise CommandError(
            "pictures as files need matplotlib, which is not installed",
            ExitCode.UNAVAILABLE,
            where=f"--plot {path}",
            remedy="install it: pip install 'memberpulse[plot]', or leave --plot out for a picture on the terminal",
        ) from error


def to_file(curves: Sequence[Curve], path: Path) -> None:
    """Write the picture; the ending of the name says as what. The same curves give the same SVG.

    Raises:
        CommandError: exit 64 or 69 as :func:`check_file`; exit 74, the file cannot be written.
    """
    check_file(path)
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    by_alerts, by_lead = figure.subplots(1, 2, sharey=True)
    for curve in curves:
        shares = [point.share for point in curve.points]
        by_alerts.plot([point.alerts for point in curve.points], shares, marker="o", label=curve.label)
        by_lead.plot([point.lead for point in curve.points], shares, marker="o", label=curve.label)
    by_alerts.set_xlabel("alerts")
    by_alerts.set_ylabel("members who stayed away 90 days, %")
    by_lead.set_xlabel("mean lead time of right alerts, days")
    for axes in (by_alerts, by_lead):
        axes.grid(visible=True, alpha=0.3)
        if curves:
            axes.legend()
    try:
        with mpl.rc_context({"svg.hashsalt": "memberpulse"}):
            figure.savefig(path, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", ExitCode.IO) from error
