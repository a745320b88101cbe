"""The common job and the latencies as pictures."""

from collections.abc import Sequence
from pathlib import Path

from bench import latency, race
from bench.latency import Latency, Percentiles
from bench.parts import Figures
from bench.throughput import Results

_OURS = "#2a6f97"
_PEERS = "#a9b4c2"
_REDIS = "#b5532a"


def draw(figures: Figures, page: Path) -> None:
    """Every picture of the figures that were measured, beside the page."""
    if figures.race is not None:
        draw_race(figures.race.common, page.with_name(race.PICTURE))
    if figures.latency:
        draw_latency(figures.latency, page.with_name(latency.PICTURE))


def draw_latency(latencies: Sequence[Latency], file: Path) -> None:
    """Median and p99 over the rate, until readable and until in Redis; an SVG."""
    from matplotlib.figure import Figure  # noqa: PLC0415  half a second that nobody needs who draws nothing

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    rates = [each.rate for each in latencies]
    lines: list[tuple[str, str, list[Percentiles]]] = [("readable", _OURS, [each.readable for each in latencies])]
    stored = [each.stored for each in latencies if each.stored is not None]
    if len(stored) == len(latencies):
        lines.append(("in Redis", _REDIS, stored))
    for name, color, values in lines:
        axes.plot(rates, [each.median for each in values], "o-", color=color, label=f"{name}, median")
        axes.plot(rates, [each.p99 for each in values], "o--", color=color, label=f"{name}, p99")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(rates, [f"{rate:,}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel("orders per second")
    axes.set_ylabel("ms from append")
    axes.grid(visible=True, color="#e0e0e0")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None})


def draw_race(results: Sequence[Results], file: Path) -> None:
    """Bars of orders per second and per CPU second, the range of the rounds as a line on each; an SVG."""
    from matplotlib.figure import Figure  # noqa: PLC0415  half a second that nobody needs who draws nothing

    figure = Figure(figsize=(9, 0.5 * len(results) + 1.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    titles = [each.title for each in results]
    colors = [_OURS if title.startswith("Memberpulse") else _PEERS for title in titles]
    for axes, name, spreads in (
        (left, "orders per second", [each.per_second for each in results]),
        (right, "orders per CPU second", [each.per_cpu_second for each in results]),
    ):
        middle = [each.median / 1000 for each in spreads]
        below = [(each.median - each.least) / 1000 for each in spreads]
        above = [(each.most - each.median) / 1000 for each in spreads]
        axes.barh(titles, middle, xerr=(below, above), color=colors, ecolor="#404040", capsize=3)
        axes.set_xlabel(f"thousand {name}")
        axes.spines[["top", "right"]].set_visible(False)
    left.invert_yaxis()
    # Without a date in it, the same figures give the same file.
    figure.savefig(file, metadata={"Date": None})
