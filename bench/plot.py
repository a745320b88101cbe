"""The common job as a picture."""

from collections.abc import Sequence
from pathlib import Path

from bench.throughput import Results

_OURS = "#2a6f97"
_PEERS = "#a9b4c2"


def draw(results: Sequence[Results], file: Path) -> None:
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
