"""Run everything: ``python -m bench``, or less of everything with ``--quick``."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench import report
from bench.builds import BuildFailedError
from bench.loading import WrongResultError
from bench.parts import measure, tables
from bench.plot import draw
from bench.running import ContenderFailedError
from bench.sizes import FULL, QUICK, Part
from streams.commands.output import notes
from streams.devstack import DevStackError

_HOME: Final = Path(__file__).parent


def main(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="less of everything; the tables go to the terminal only")
    ] = False,
    rounds: Annotated[int, typer.Option(min=0, help="rounds of each contender; 0: as many as usual")] = 0,
    date: Annotated[str, typer.Option(help="the date to write on the page; default: today, UTC")] = "",
    only: Annotated[list[Part] | None, typer.Option(help="measure this part alone; may be given again")] = None,
    output: Annotated[
        Path | None, typer.Option(help="the page to write; default: docs/benchmarks.md, with --quick none")
    ] = None,
) -> None:
    """Measure throughput, recovery, latency, memory and where the time goes, on this machine with a Kafka of its own.

    With ``--only`` the other tables of the page stay as they are.
    """
    size = QUICK if quick else FULL
    if rounds:
        size = replace(size, rounds=rounds)
    date = date or time.strftime("%Y-%m-%d", time.gmtime())
    wanted = only or list(Part)
    notes().print(
        f"This takes about {size.expected_s(wanted) / 60:.0f} minutes on two cores that nobody else uses",
        highlight=False,
    )
    try:
        figures = measure(size, date, wanted)
    except (WrongResultError, ContenderFailedError, DevStackError, BuildFailedError) as error:
        Console(stderr=True).print(f"[red]bench:[/] {error}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    found = tables(figures)
    report.show(Console(), found)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    report.save_json(_HOME / "results" / f"{stamp}{'-quick' if quick else ''}.json", figures)
    took = ", ".join(f"{part} {seconds:,.0f} s" for part, seconds in figures.seconds.items())
    notes().print(f"took: {took}", highlight=False)
    page = output or (None if quick else _HOME.parent / "docs" / "benchmarks.md")
    if page is not None:
        draw(figures, page)
        before = page.read_text() if only and page.exists() else ""
        page.write_text(report.markdown(figures.surroundings, found, before))
        Console().print(f"written: {page}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
