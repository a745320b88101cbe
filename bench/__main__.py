"""Run everything: ``python -m bench``, or a minute's version with ``--quick``."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console

from bench import budget, latency, recovery, report, rule_costs
from bench.builds import BuildFailedError, builds
from bench.contenders.memberpulse import Memberpulse
from bench.field import KAFKA_STREAMS_BEST, engines, peers
from bench.job import Contender, Job
from bench.loading import WrongResultError, load
from bench.plot import draw
from bench.running import ContenderFailedError
from bench.surroundings import surroundings
from bench.throughput import race
from bench.workload import Workload
from scoring.vocabulary import DAY_MS
from streams.devstack import DevStack, DevStackError

_PARTITIONS: Final = 4
_HOME: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    events: int
    members: int
    rounds: int
    rate: int
    seconds: int
    budget: int


FULL: Final = Size(events=3_000_000, members=200_000, rounds=3, rate=1000, seconds=20, budget=50_000)
QUICK: Final = Size(events=200_000, members=40_000, rounds=1, rate=1000, seconds=5, budget=20_000)


def measure(size: Size, date: str) -> report.Figures:
    """Everything, against a broker of its own."""
    ends_at = int(time.time() * 1000) // DAY_MS * DAY_MS
    workload = Workload(size.events, size.members, ends_at)
    with builds() as made, DevStack(redis=False) as stack, TemporaryDirectory(prefix="memberpulse-bench-") as state:
        scorers = [Memberpulse(made.pure, compiled=False)]
        if made.compiled is not None:
            scorers.insert(0, Memberpulse(made.compiled, compiled=True))
        others = engines(made) + peers(Path(state))
        field: list[Contender] = [*scorers, *others]
        jobs = _load(stack.broker.bootstrap, field, workload)
        results, last = race(field, jobs, workload, size.rounds)
        left = last[scorers[0].name]
        measured = latency.measure(scorers[0], left, workload.standings(left.events), size.rate, size.seconds)
        return report.Figures(
            surroundings=surroundings(date),
            product=[results[each.name] for each in scorers],
            beside=results.get(KAFKA_STREAMS_BEST),
            common=[results[each.name] for each in others],
            members=size.members,
            recovery=recovery.recover(scorers[0], left, size.rounds),
            latency=measured,
            budget=budget.measure_in(scorers[0].folder, left, size.budget, ends_at),
            rules=rule_costs.measure_in(scorers[0].folder),
        )


def _load(bootstrap: str, field: Sequence[Contender], workload: Workload) -> dict[str, Job]:
    """A topic for each number of orders that contenders read, and every contender's job by its name."""
    jobs: dict[str, Job] = {}
    for contender in field:
        events = min(contender.most, workload.events)
        topic = f"orders-{events}"
        if topic not in {job.topic for job in jobs.values()}:
            load(bootstrap, topic, _PARTITIONS, workload, events)
        jobs[contender.name] = Job(name="", bootstrap=bootstrap, topic=topic, partitions=_PARTITIONS, events=events)
    return jobs


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="about a minute; the tables go to the terminal only")] = False,
    rounds: Annotated[int, typer.Option(min=0, help="rounds of each contender; 0: as many as usual")] = 0,
    date: Annotated[str, typer.Option(help="the date to write on the page; default: today, UTC")] = "",
    output: Annotated[
        Path | None, typer.Option(help="the page to write; default: docs/benchmarks.md, with --quick none")
    ] = None,
) -> None:
    """Measure throughput, recovery, latency and where the time goes, on this machine with a Kafka of its own."""
    size = QUICK if quick else FULL
    if rounds:
        size = Size(**{name: getattr(size, name) for name in Size.__slots__} | {"rounds": rounds})
    date = date or time.strftime("%Y-%m-%d", time.gmtime())
    try:
        figures = measure(size, date)
    except (WrongResultError, ContenderFailedError, DevStackError, BuildFailedError) as error:
        Console(stderr=True).print(f"[red]bench:[/] {error}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    parts = report.sections(figures)
    report.show(Console(), parts)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    report.save_json(_HOME / "results" / f"{stamp}{'-quick' if quick else ''}.json", figures)
    page = output or (None if quick else _HOME.parent / "docs" / "benchmarks.md")
    if page is not None:
        picture = page.with_suffix(".svg")
        draw(figures.common, picture)
        page.write_text(report.markdown(figures.surroundings, parts, picture.name))
        Console().print(f"written: {page}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
