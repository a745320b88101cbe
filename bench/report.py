"""The page: the tables of a run on the terminal, in ``docs/benchmarks.md`` and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich import table
from rich.console import Console

from bench.parts import Figures
from bench.tables import Table

_INTRODUCTION = """# Benchmarks

Written by `make bench` (`python -m bench`); do not edit. Compare the **ratios**: they come from one run, on one
machine, with rounds taken in turns. Absolute figures are those of this machine, where broker, clients and the process
measured share the cores. A figure is the median of its rounds, with the least and the most in brackets. Before a speed
is told, every member's number of orders, sum and last order, as the process left them in Kafka, are compared with what
the orders say.
"""


def show(console: Console, tables: Sequence[Table]) -> None:
    """The tables on the terminal."""
    for each in tables:
        shown = table.Table(title=each.title, caption=each.notes, title_justify="left", caption_justify="left")
        for number, column in enumerate(each.columns):
            shown.add_column(column, justify="right" if number or column else "left")
        for row in each.rows:
            shown.add_row(*row)
        console.print(shown)


def markdown(surroundings: Mapping[str, str], tables: Sequence[Table], before: str = "") -> str:
    """The page ``docs/benchmarks.md``; of the page ``before`` it, the tables that ``tables`` do not have."""
    measured = f"Measured {surroundings['date']}, commit {surroundings['commit']}."
    known = _sections_of(before)
    for each in tables:
        lines = [f"{each.notes} {measured}", ""]
        if each.picture:
            lines += [f"![{each.title}]({each.picture})", ""]
        lines += [_line(each.columns), _line(["---"] + ["---:"] * (len(each.columns) - 1)), *map(_line, each.rows), ""]
        known[each.title] = "\n".join(lines)
    page = [_INTRODUCTION, *(f"- {name}: {value}" for name, value in surroundings.items()), ""]
    page += [f"## {title}\n{text}" for title, text in known.items()]
    return "\n".join(page)


def save_json(path: Path, figures: Figures) -> None:
    """Every figure of the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(figures), indent=1) + "\n")


def _sections_of(page: str) -> dict[str, str]:
    """Texts by title."""
    return {title: text for title, _, text in (each.partition("\n") for each in page.split("\n## ")[1:])}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
